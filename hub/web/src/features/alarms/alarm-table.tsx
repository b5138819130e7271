import type { AlarmView } from '@lineside/shared/contracts/api.ts';
import { useMay } from '../../api/session.ts';
import { alarmStateWords, alarmValueWords, needsAcknowledge } from '../../format/alarm-words.ts';
import { formatDuration, formatFull, formatMoment } from '../../format/duration.ts';
import { useHubNow } from '../../live/live-context.tsx';
import { Since } from '../../live/since.tsx';
import { PriorityMark } from '../../ui/priority-mark.tsx';
import { AcknowledgeControl } from './acknowledge-control.tsx';
import classes from './alarm-table.module.css';

/**
 * Alarms as a table to assistive technology and as cards to the eye, because the list stands in a narrow column
 * and on phones. The native elements would not take that layout in every browser without losing their roles.
 */
export function AlarmTable({ alarms, label }: { alarms: readonly AlarmView[]; label: string }) {
  return (
    // biome-ignore-start lint/a11y/useSemanticElements: see above
    // biome-ignore-start lint/a11y/useFocusableInteractive: the rows hold buttons and are none
    <div role="table" aria-label={label} className={classes.table}>
      {alarms.map((alarm) => (
        <AlarmRow key={alarm.occurrence} alarm={alarm} />
      ))}
    </div>
    // biome-ignore-end lint/a11y/useFocusableInteractive: the rows hold buttons and are none
    // biome-ignore-end lint/a11y/useSemanticElements: see above
  );
}

function AlarmRow({ alarm }: { alarm: AlarmView }) {
  const now = useHubNow();
  const mayAcknowledge = useMay('alarms.acknowledge');
  const over = alarm.state === 'normal';
  const value = alarmValueWords(alarm);
  return (
    // biome-ignore-start lint/a11y/useSemanticElements: as in AlarmTable
    // biome-ignore-start lint/a11y/useFocusableInteractive: as in AlarmTable
    <div
      role="row"
      className={classes.row}
      data-state={alarm.state}
      data-priority={alarm.priority}
      data-testid="alarm-row"
    >
      <div role="cell" className={classes.top}>
        <PriorityMark priority={alarm.priority} />
        <span className={classes.since} title={formatFull(alarm.raisedAt)}>
          {formatMoment(alarm.raisedAt, now)} ·{' '}
          {over && alarm.returnedAt !== null ? (
            `for ${formatDuration(alarm.returnedAt - alarm.raisedAt)}`
          ) : (
            <>
              <Since at={alarm.raisedAt} short /> ago
            </>
          )}
        </span>
      </div>
      <div role="cell" className={classes.message}>
        {alarm.message}
      </div>
      <div role="cell" className={classes.facts}>
        <span>{alarm.machineName || alarm.device}</span>
        {value ? <span className={classes.value}>{value}</span> : null}
      </div>
      <div role="cell" className={classes.bottom}>
        <span className={classes.state}>
          {alarmStateWords(alarm)}
          {alarm.comment ? <q>{alarm.comment}</q> : null}
        </span>
        {alarm.acknowledgePending ? (
          <span className={classes.pending} role="status">
            on its way to the gateway…
          </span>
        ) : needsAcknowledge(alarm) ? (
          <>
            {alarm.acknowledgeRefused ? (
              <span className={classes.pending} role="status">
                {alarm.acknowledgeRefused}
              </span>
            ) : null}
            {mayAcknowledge ? <AcknowledgeControl alarm={alarm} /> : null}
          </>
        ) : null}
      </div>
    </div>
    // biome-ignore-end lint/a11y/useFocusableInteractive: as in AlarmTable
    // biome-ignore-end lint/a11y/useSemanticElements: as in AlarmTable
  );
}
