import type { GatewayView } from '@lineside/shared/contracts/api.ts';
import { Button, SegmentedControl, TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useRef, useState } from 'react';
import { fleetApi } from '../../api/fleet-api.ts';
import { formatClock, formatFull } from '../../format/duration.ts';
import { type LogLevel, parseLogLine } from '../../format/log-line.ts';
import { CopyButton } from '../../ui/copy-button.tsx';
import { Panel } from '../../ui/panel.tsx';
import { Refusal } from '../../ui/refusal.tsx';
import { AcceptHint, isAllowed } from './accept-hint.tsx';
import { AskButton } from './ask-button.tsx';
import classes from './gateway-log.module.css';

const FIRST_LINES = 200;
const ALL_LINES = 2_000;

const LEVELS: LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** The last lines of its log, fetched when somebody asks for them. */
export function GatewayLog({ gateway }: { gateway: GatewayView }) {
  const [lines, setLines] = useState(0);
  const [least, setLeast] = useState<LogLevel>('debug');
  const [text, setText] = useState('');
  const shownAs = useRef<HTMLOListElement>(null);
  const log = useQuery({
    queryKey: ['gateway-log', gateway.id, lines],
    queryFn: ({ signal }) => fleetApi.logs(gateway.id, lines, signal),
    enabled: lines > 0,
    placeholderData: (before) => before,
    staleTime: Infinity,
    gcTime: 0,
  });
  const parsed = useMemo(
    () => log.data?.lines.map((raw, id) => ({ id, ...parseLogLine(raw) })).reverse() ?? [],
    [log.data],
  );
  const words = text.trim().toLowerCase();
  const shown = parsed.filter(
    ({ level, raw }) =>
      LEVELS.indexOf(level) >= LEVELS.indexOf(least) && (words === '' || raw.toLowerCase().includes(words)),
  );
  const allowed = isAllowed(gateway, 'logs');
  const fetchLines = () => (lines === 0 ? setLines(FIRST_LINES) : void log.refetch());
  return (
    <Panel
      title="Last log lines"
      aside={
        allowed ? (
          <AskButton gateway={gateway} busy={log.isFetching} onAsk={fetchLines}>
            {log.data ? 'Refresh' : 'Show'}
          </AskButton>
        ) : null
      }
    >
      {allowed ? null : <AcceptHint gateway={gateway} word="logs" />}
      {allowed && lines === 0 ? (
        <p className={classes.hint}>
          {gateway.online
            ? 'The gateway keeps its last 2,000 lines in memory.'
            : 'They can be read when it is online.'}
        </p>
      ) : null}
      {log.error ? (
        <div className={classes.notice}>
          <Refusal error={log.error} title="Not read" />
        </div>
      ) : null}
      {log.data ? (
        <>
          <div className={classes.tools}>
            <TextInput
              className={classes.search ?? ''}
              size="xs"
              aria-label="Filter the lines"
              placeholder="Words in the line"
              leftSection={<IconSearch size="1rem" />}
              value={text}
              onChange={({ currentTarget }) => setText(currentTarget.value)}
            />
            <SegmentedControl
              size="xs"
              aria-label="Level"
              value={least}
              onChange={(next) => setLeast(next as LogLevel)}
              data={[
                { value: 'debug', label: 'All' },
                { value: 'info', label: 'Info' },
                { value: 'warn', label: 'Warnings' },
                { value: 'error', label: 'Errors' },
              ]}
            />
            <CopyButton text={copyable(shown)} shown={shownAs} label="Copy the lines that are shown" />
          </div>
          {shown.length === 0 ? (
            <p className={classes.hint}>None of the {parsed.length} lines is like that.</p>
          ) : (
            <ol className={classes.lines} ref={shownAs} aria-label="Log lines, newest first">
              {shown.map(({ id, at, level, message, rest }) => (
                <li key={id} data-level={level}>
                  <time title={at === null ? undefined : formatFull(at)}>{at === null ? '' : formatClock(at)}</time>
                  <b>{level}</b>
                  <span>
                    {message} <small>{rest}</small>
                  </span>
                </li>
              ))}
            </ol>
          )}
          {log.data.left > 0 && lines < ALL_LINES ? (
            <Button
              className={classes.more ?? ''}
              variant="subtle"
              size="compact-sm"
              onClick={() => setLines(ALL_LINES)}
            >
              Fetch {log.data.left} older lines as well
            </Button>
          ) : null}
        </>
      ) : null}
    </Panel>
  );
}

/** As the gateway has written them: oldest first. */
function copyable(shown: readonly { raw: string }[]): string {
  return shown
    .map(({ raw }) => raw)
    .reverse()
    .join('\n');
}
