import { Button, SegmentedControl, TextInput } from '@mantine/core';
import { IconFilterOff, IconPlus, IconRouter, IconSearch } from '@tabler/icons-react';
import { useMemo, useState } from 'react';
import { useMay } from '../api/session.ts';
import { EnrolDialog } from '../features/enrolment/enrol-dialog.tsx';
import { OpenTokens } from '../features/enrolment/open-tokens.tsx';
import { type FleetRow, fleetRow, SORTS, type SortKey } from '../features/fleet/fleet-rows.ts';
import { FleetTable } from '../features/fleet/fleet-table.tsx';
import { HubNotices } from '../features/fleet/hub-notices.tsx';
import { useGateways, useHubNow } from '../live/live-context.tsx';
import { ROLLOUTS_LINK } from '../route.ts';
import { MessagePanel } from '../ui/message-panel.tsx';
import { Panel } from '../ui/panel.tsx';
import { useFirst } from '../ui/show-more.tsx';
import classes from './gateways.module.css';

/** Nothing in the list needs to move more often. Milliseconds. */
const STEP_MS = 5_000;
const SHOWN_AT_ONCE = 100;

type Which = 'all' | 'attention' | 'offline';

/** Every gateway with its health: what needs somebody stands first. */
export function Gateways() {
  const gateways = useGateways();
  const now = useHubNow(STEP_MS);
  const [which, setWhich] = useState<Which>('all');
  const [text, setText] = useState('');
  const [sort, setSort] = useState<{ key: SortKey; down: boolean }>({ key: 'health', down: false });

  const rows = useMemo(() => gateways.map((gateway) => fleetRow(gateway, now)), [gateways, now]);
  const shown = useMemo(() => {
    const words = text.trim().toLowerCase();
    const wanted = rows.filter((row) => isWanted(row, which) && (words === '' || row.search.includes(words)));
    const sorted = wanted.toSorted(SORTS[sort.key]);
    return sort.down ? sorted.reverse() : sorted;
  }, [rows, which, text, sort]);
  const { first, more } = useFirst(shown, SHOWN_AT_ONCE);
  const count = (kind: Which) => rows.filter((row) => isWanted(row, kind)).length;

  return (
    <Panel title="Gateways" aside={<Summary rows={rows} />}>
      <HubNotices />
      <OpenTokens />
      {rows.length === 0 ? (
        <MessagePanel icon={<IconRouter size="1.6rem" />} title="No gateway has reported yet">
          Enrol one: it gets a token, and what to type at its machine is shown. Then it appears here by itself.
        </MessagePanel>
      ) : (
        <>
          <div className={classes.tools}>
            <TextInput
              className={classes.search ?? ''}
              aria-label="Filter"
              placeholder="Name, version or device"
              leftSection={<IconSearch size="1.1rem" />}
              value={text}
              onChange={({ currentTarget }) => setText(currentTarget.value)}
            />
            <SegmentedControl
              aria-label="Which gateways"
              value={which}
              onChange={(next) => setWhich(next as Which)}
              data={[
                { value: 'all', label: `All ${rows.length}` },
                { value: 'attention', label: `Attention ${count('attention')}` },
                { value: 'offline', label: `Offline ${count('offline')}` },
              ]}
            />
          </div>
          {shown.length === 0 ? (
            <MessagePanel icon={<IconFilterOff size="1.6rem" />} title="No gateway fits">
              None of the {rows.length} is like that. Change the filter to see the others.
            </MessagePanel>
          ) : (
            <FleetTable
              rows={first}
              now={now}
              sort={sort}
              onSort={(key) => setSort((known) => ({ key, down: known.key === key && !known.down }))}
            />
          )}
          {more}
        </>
      )}
    </Panel>
  );
}

function Summary({ rows }: { rows: readonly FleetRow[] }) {
  const mayConfigure = useMay('gateways.configure');
  const mayEnrol = useMay('gateways.enrol');
  const [enrolling, setEnrolling] = useState(false);
  const online = rows.filter(({ gateway }) => gateway.online).length;
  return (
    <div className={classes.summary}>
      {rows.length === 0 ? null : (
        <span>
          {online} of {rows.length} online
        </span>
      )}
      {mayConfigure && rows.length > 0 ? <a href={ROLLOUTS_LINK}>Rollouts</a> : null}
      {mayEnrol ? (
        <Button size="xs" leftSection={<IconPlus size="1.1rem" />} onClick={() => setEnrolling(true)}>
          Enrol a gateway
        </Button>
      ) : null}
      {enrolling ? <EnrolDialog onClose={() => setEnrolling(false)} /> : null}
    </div>
  );
}

function isWanted({ health }: FleetRow, which: Which): boolean {
  if (which === 'attention') return health === 'attention';
  return which === 'all' || health === 'offline' || health === 'never';
}
