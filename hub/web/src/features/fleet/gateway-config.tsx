import type { GatewayView } from '@lineside/shared/contracts/api.ts';
import type { ConfigText } from '@lineside/shared/contracts/fleet.ts';
import { Button } from '@mantine/core';
import { IconAlertTriangle, IconFileSearch, IconRotate } from '@tabler/icons-react';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { fleetApi } from '../../api/fleet-api.ts';
import { CodeEditor, showLine } from '../../ui/code-editor.tsx';
import { CopyButton } from '../../ui/copy-button.tsx';
import { LineDiff } from '../../ui/line-diff.tsx';
import { Notice } from '../../ui/notice.tsx';
import { Panel } from '../../ui/panel.tsx';
import { Refusal } from '../../ui/refusal.tsx';
import { AcceptHint, isAllowed } from './accept-hint.tsx';
import { ApplyOutcome } from './apply-outcome.tsx';
import { AskButton } from './ask-button.tsx';
import { CheckFindings, lineOf } from './config-findings.tsx';
import classes from './gateway-config.module.css';
import { TrialDialog } from './trial-dialog.tsx';

/** Its configuration: read, looked at by the gateway, and applied on trial. */
export function GatewayConfig({ gateway }: { gateway: GatewayView }) {
  const [asked, setAsked] = useState(false);
  const allowed = isAllowed(gateway, 'config');
  const file = useQuery({
    queryKey: ['gateway-config', gateway.id],
    queryFn: ({ signal }) => fleetApi.config(gateway.id, signal),
    enabled: asked,
    staleTime: Infinity,
    gcTime: 0,
  });
  return (
    <Panel
      title="Configuration"
      aside={
        allowed ? (
          <AskButton
            gateway={gateway}
            busy={file.isFetching}
            onAsk={() => (asked ? void file.refetch() : setAsked(true))}
          >
            {file.data ? 'Read again' : 'Read it'}
          </AskButton>
        ) : null
      }
    >
      {allowed ? null : <AcceptHint gateway={gateway} word="config" />}
      <div className={classes.body}>
        {allowed && !file.data && !file.error ? (
          <p className={classes.hint}>
            {gateway.online
              ? 'The file as it is at the gateway. Secrets that stand in it are shown, too.'
              : 'It can be read and changed when the gateway is online.'}
          </p>
        ) : null}
        <Refusal error={file.error} title="Not read" />
        {file.data ? <Editor gateway={gateway} file={file.data} onApplied={() => void file.refetch()} /> : null}
      </div>
    </Panel>
  );
}

function Editor(props: { gateway: GatewayView; file: ConfigText; onApplied: () => void }) {
  const { gateway, file, onApplied } = props;
  const area = useRef<HTMLTextAreaElement>(null);
  const [draft, setDraft] = useState<string | null>(null);
  const [trying, setTrying] = useState(false);
  const text = draft ?? file.config;
  const check = useMutation({ mutationFn: (config: string) => fleetApi.check(gateway.id, config) });
  const push = useMutation({
    mutationFn: ({ config, seconds, restart }: { config: string; seconds: number; restart: boolean }) =>
      fleetApi.push(gateway.id, config, seconds, restart),
    onSuccess: ({ result }) => {
      setTrying(false);
      if (result !== 'applied' && result !== 'unchanged') return;
      setDraft(null);
      check.reset();
      onApplied();
    },
    onError: () => setTrying(false),
  });
  // What was found is about the text as it was then.
  const found = check.data && check.variables === text ? check.data : undefined;
  const changed = text !== file.config;
  const edit = (next: string) => {
    setDraft(next === file.config ? null : next);
    if (!push.isPending) push.reset();
  };
  return (
    <>
      {file.sha256 === file.running ? null : (
        <Notice tone="warning" icon={<IconAlertTriangle size="1.35rem" />} title="The file is not what runs">
          It was changed at the machine and waits for a reload or a restart of the gateway.
        </Notice>
      )}
      <CodeEditor
        label={`Configuration of ${gateway.id}, YAML`}
        value={text}
        onChange={edit}
        marks={found?.problems.map(lineOf).filter((line) => line !== undefined) ?? []}
        readOnly={push.isPending}
        area={area}
      />
      <div className={classes.buttons}>
        <CopyButton text={text} shown={area} label="Copy the configuration" />
        <Button
          variant="subtle"
          size="compact-sm"
          leftSection={<IconRotate size="1rem" />}
          disabled={!changed || push.isPending}
          onClick={() => edit(file.config)}
        >
          Back to the file
        </Button>
        <span className={classes.state}>
          {changed
            ? found?.sound
              ? ''
              : 'Changed here; have it checked before it can be applied.'
            : 'As the file is.'}
        </span>
        <Button
          variant="default"
          leftSection={<IconFileSearch size="1.1rem" />}
          loading={check.isPending}
          disabled={!gateway.online || push.isPending || text.trim() === ''}
          onClick={() => check.mutate(text)}
        >
          Check
        </Button>
        <Button
          disabled={!gateway.online || !changed || !found?.sound}
          loading={push.isPending}
          onClick={() => setTrying(true)}
        >
          Apply on trial…
        </Button>
      </div>
      <Refusal error={check.error} title="Not checked" />
      {found ? <CheckFindings check={found} onLine={(line) => showLine(area.current, line)} /> : null}
      {found && changed ? <LineDiff label="What changes in the file" before={file.config} after={text} /> : null}
      <ApplyOutcome result={push.data} error={push.error} onLine={(line) => showLine(area.current, line)} />
      {trying && found ? (
        <TrialDialog
          gateway={gateway}
          check={found}
          before={file.config}
          after={text}
          busy={push.isPending}
          onApply={(seconds, restart) => push.mutate({ config: text, seconds, restart })}
          onClose={() => setTrying(false)}
        />
      ) : null}
    </>
  );
}
