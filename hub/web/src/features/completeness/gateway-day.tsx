import type { CompletenessStatement, DeviceCompleteness, Missing } from '@lineside/shared/contracts/completeness.ts';
import { Tooltip } from '@mantine/core';
import { IconAlertTriangleFilled, IconCircleCheckFilled, IconClockHour4 } from '@tabler/icons-react';
import { amountWords, causeWords, DELIVERY, SILENCE, shareWords } from '../../format/completeness-words.ts';
import { formatDuration, formatFull } from '../../format/duration.ts';
import { formatNumber } from '../../format/value.ts';
import classes from './gateway-day.module.css';

const ICONS = { complete: IconCircleCheckFilled, incomplete: IconAlertTriangleFilled, open: IconClockHour4 };

/** One gateway's day: the verdict, a bar for each device, and what is missing. */
export function GatewayDay({ statement }: { statement: CompletenessStatement }) {
  const { gateway, delivery, samples, devices, missing, clockSteps } = statement;
  const Icon = ICONS[delivery];
  return (
    <li className={classes.root} data-delivery={delivery} data-testid="gateway-day">
      <header className={classes.head}>
        <h3>{gateway}</h3>
        <p className={classes.verdict}>
          <Icon size="1.15rem" aria-hidden="true" /> <b>{DELIVERY[delivery].words}</b>
        </p>
        <p className={classes.meaning}>
          {DELIVERY[delivery].meaning} {formatNumber(samples)} samples stored.
        </p>
      </header>
      {devices.map((device) => (
        <Device key={device.device} device={device} day={statement} />
      ))}
      {devices.length > 0 ? <Hours day={statement} /> : null}
      {missing.length > 0 ? <MissingList missing={missing} day={statement} /> : null}
      {clockSteps.map(({ at, stepMs }) => (
        <p key={at} className={classes.note}>
          The gateway's clock was set {stepMs > 0 ? 'forward' : 'back'} by {formatDuration(Math.abs(stepMs))} at{' '}
          {inZone(at, statement)}.
        </p>
      ))}
    </li>
  );
}

function Device({ device, day }: { device: DeviceCompleteness; day: CompletenessStatement }) {
  const percent = (at: number) => `${(100 * (at - day.from)) / (day.to - day.from)}%`;
  const until = Math.min(day.to, day.at);
  const from = until - device.expectedMs;
  return (
    <div className={classes.device}>
      <p className={classes.name}>{device.device}</p>
      <div className={classes.bar} role="img" aria-label={barWords(device, day)}>
        {device.expectedMs > 0 ? (
          <i className={classes.seen} style={{ left: percent(from), right: `calc(100% - ${percent(until)})` }} />
        ) : null}
        {device.silent.map((silence) => (
          <Tooltip
            key={silence.from}
            label={`${SILENCE[silence.cause]}: ${inZone(silence.from, day)}, for ${formatDuration(silence.to - silence.from)}`}
          >
            <i
              className={classes.silent}
              data-cause={silence.cause}
              style={{ left: percent(silence.from), right: `calc(100% - ${percent(silence.to)})` }}
            />
          </Tooltip>
        ))}
      </div>
      <p className={classes.figures}>
        <b>{shareWords(device)}</b> <span>{formatNumber(device.samples)} samples</span>
      </p>
    </div>
  );
}

/** The day's hours under the bars; 23 or 25 of them when the clocks change. */
function Hours({ day }: { day: CompletenessStatement }) {
  const marks = [0, 0.25, 0.5, 0.75, 1].map((share) => day.from + share * (day.to - day.from));
  return (
    <div className={classes.hours} aria-hidden="true">
      {marks.map((at) => (
        <span key={at}>{inZone(at, day, false)}</span>
      ))}
    </div>
  );
}

function MissingList({ missing, day }: { missing: Missing[]; day: CompletenessStatement }) {
  return (
    <ul className={classes.missing} aria-label="What is missing">
      {missing.map((each) => (
        <li key={`${each.epoch} ${each.fromSeq} ${each.fromAt} ${each.cause}`}>
          <b>{causeWords(each)}</b>
          <span>{amountWords(each)}</span>
          <span title={each.fromAt === null ? undefined : formatFull(each.fromAt)}>{spanWords(each, day)}</span>
        </li>
      ))}
    </ul>
  );
}

function spanWords({ fromAt, toAt }: Missing, day: CompletenessStatement): string {
  if (fromAt !== null && toAt !== null) return `${inZone(fromAt, day)} to ${inZone(toAt, day)}`;
  if (fromAt !== null) return `after ${inZone(fromAt, day)}`;
  return toAt === null ? 'nobody knows when' : `before ${inZone(toAt, day)}`;
}

function barWords({ silent }: DeviceCompleteness, day: CompletenessStatement): string {
  if (silent.length === 0) return 'It answered all the time';
  return silent
    .map(({ from, to, cause }) => `${SILENCE[cause]} from ${inZone(from, day)} to ${inZone(to, day)}`)
    .join('; ');
}

/** The time of day at the plant, not at the reader's desk. */
function inZone(at: number, { timeZone }: CompletenessStatement, seconds = true): string {
  const more = seconds ? ({ second: '2-digit' } as const) : {};
  return new Intl.DateTimeFormat(undefined, { timeZone, hour: '2-digit', minute: '2-digit', ...more }).format(at);
}
