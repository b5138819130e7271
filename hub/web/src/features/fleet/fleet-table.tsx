import { IconArrowDown, IconArrowUp } from '@tabler/icons-react';
import { memo } from 'react';
import { formatDurationShort, formatFull } from '../../format/duration.ts';
import {
  BACKLOG_MIN,
  CLOCK_OFF_MS,
  certificateWords,
  clockWords,
  isForeign,
  upCount,
} from '../../format/gateway-words.ts';
import { formatNumber, UNKNOWN } from '../../format/value.ts';
import { gatewayLink } from '../../route.ts';
import type { FleetRow, SortKey } from './fleet-rows.ts';
import classes from './fleet-table.module.css';
import { HealthMark } from './health-mark.tsx';

const COLUMNS: { key: SortKey; words: string }[] = [
  { key: 'health', words: 'Gateway' },
  { key: 'since', words: 'For' },
  { key: 'version', words: 'Version' },
  { key: 'startedAt', words: 'Uptime' },
  { key: 'waiting', words: 'Samples waiting' },
  { key: 'clock', words: 'Clock' },
  { key: 'devices', words: 'Devices up' },
  { key: 'certificate', words: 'Certificate' },
];

/** One row for each gateway; on a phone one card. @param now milliseconds since 1970 UTC */
export function FleetTable(props: {
  rows: readonly FleetRow[];
  now: number;
  sort: { key: SortKey; down: boolean };
  onSort: (key: SortKey) => void;
}) {
  const { rows, now, sort, onSort } = props;
  const Arrow = sort.down ? IconArrowDown : IconArrowUp;
  return (
    <table className={classes.table}>
      <thead>
        <tr>
          {COLUMNS.map(({ key, words }) => (
            <th
              key={key}
              scope="col"
              aria-sort={sort.key === key ? (sort.down ? 'descending' : 'ascending') : undefined}
            >
              <button type="button" onClick={() => onSort(key)}>
                {words}
                {sort.key === key ? <Arrow size="0.95rem" aria-hidden="true" /> : null}
              </button>
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <Row key={row.gateway.id} row={row} now={now} />
        ))}
      </tbody>
    </table>
  );
}

const Row = memo(function Row({ row, now }: { row: FleetRow; now: number }) {
  const { gateway, health, troubles } = row;
  const { since, startedAt, certificate, clockOffsetMs, pendingSamples } = gateway;
  const foreign = isForeign(gateway.id);
  const up = upCount(gateway);
  return (
    <tr data-testid="fleet-row">
      <th scope="row">
        <a href={gatewayLink(gateway.id)}>{gateway.id}</a>
        <HealthMark health={health} />
        {troubles.length > 0 ? (
          <small>
            {troubles[0]}
            {troubles.length > 1 ? ` – and ${troubles.length - 1} more` : ''}
          </small>
        ) : null}
      </th>
      <td data-label={gateway.online ? 'Online for' : 'Offline for'}>
        {since === null ? UNKNOWN : <span title={formatFull(since)}>{formatDurationShort(now - since)}</span>}
      </td>
      <td data-label="Version">{gateway.version || UNKNOWN}</td>
      <td data-label="Uptime">
        {startedAt && gateway.online ? (
          <span title={`Started ${formatFull(startedAt)}`}>{formatDurationShort(now - startedAt)}</span>
        ) : (
          UNKNOWN
        )}
      </td>
      <td data-label="Samples waiting" data-alert={pendingSamples > BACKLOG_MIN || undefined}>
        {foreign ? UNKNOWN : `${gateway.online ? '' : '≥ '}${formatNumber(pendingSamples)}`}
      </td>
      <td data-label="Clock" data-alert={Math.abs(clockOffsetMs ?? 0) >= CLOCK_OFF_MS || undefined}>
        {clockWords(clockOffsetMs)}
      </td>
      <td data-label="Devices up" data-alert={(gateway.online && up < gateway.devices.length) || undefined}>
        {gateway.online ? up : UNKNOWN} of {gateway.devices.length}
      </td>
      <td data-label="Certificate">
        {certificate ? (
          <span title={formatFull(certificate.notAfter)}>{certificateWords(certificate.notAfter, now)}</span>
        ) : foreign ? (
          UNKNOWN
        ) : (
          'password'
        )}
      </td>
    </tr>
  );
});
