import type { MachineView } from '@lineside/shared/contracts/api.ts';
import { memo } from 'react';
import { formatMoment } from '../../format/duration.ts';
import { formatNumber } from '../../format/value.ts';
import { Since } from '../../live/since.tsx';
import { FactorBar } from '../../ui/factor-bar.tsx';
import { OeeRing } from '../../ui/oee-ring.tsx';
import { STATE_ICONS, STATE_WORDS } from '../../ui/state-look.tsx';
import { TimeBar } from '../../ui/time-bar.tsx';
import { ConnectionBanner, ConnectionLine } from './connection-notice.tsx';
import classes from './machine-tile.module.css';
import { TileValue } from './tile-value.tsx';

export interface MachineTileProps {
  machine: MachineView;
  /** Since when the page has heard nothing of the hub, milliseconds since 1970 UTC; null while it does. */
  hubLostAt: number | null;
  /** Ids of the tags that the chart shows. */
  charted: readonly number[];
  onChart: (machine: string, tag: number) => void;
}

/** One machine at a glance: state, OEE, the shift's time, the values that matter, and whether to believe them. */
export const MachineTile = memo(function MachineTile({ machine, hubLostAt, charted, onChart }: MachineTileProps) {
  const { connection, oee, state } = machine;
  const believed = connection.status === 'live' && hubLostAt === null;
  const StateIcon = STATE_ICONS[state.category];
  return (
    <article
      className={classes.root}
      aria-label={machine.name}
      data-category={state.category}
      data-stale={!believed || undefined}
      data-testid="machine-tile"
    >
      <ConnectionBanner connection={connection} hubLostAt={hubLostAt} />
      <header className={classes.head}>
        <div className={classes.names}>
          <h3>{machine.name}</h3>
          <p title={machine.path}>{breadcrumb(machine.path)}</p>
        </div>
      </header>

      <div className={classes.state} data-category={state.category} data-testid="machine-state">
        <StateIcon size="1.75rem" aria-hidden="true" />
        <strong>{STATE_WORDS[state.category]}</strong>
        <span className={classes.stateName}>
          {state.name && state.name.toLowerCase() !== STATE_WORDS[state.category].toLowerCase() ? state.name : null}
        </span>
        {state.since === null ? null : (
          <span className={classes.stateSince}>
            for <Since at={state.since} />
          </span>
        )}
      </div>

      <div className={classes.oee}>
        <OeeRing ratio={oee.oee} label="OEE" />
        <dl className={classes.factors}>
          <FactorBar name="Availability" ratio={oee.availability} />
          <FactorBar name="Performance" ratio={oee.performance} />
          <FactorBar name="Quality" ratio={oee.quality} />
        </dl>
      </div>
      {oee.reason && (oee.oee === null || hasUnknownFactor(machine)) ? (
        <p className={classes.reason} data-testid="oee-reason">
          <b>{oee.oee === null ? 'OEE not known:' : 'Not all is known:'}</b> {oee.reason}
        </p>
      ) : null}

      <section className={classes.shift} aria-label="Shift">
        <p>
          <b>{oee.shift || 'No shift'}</b>
          <span className={classes.dim}> from {formatMoment(oee.from, oee.to)}</span>
          <span className={classes.counts}>
            <b>{oee.good === null ? '—' : formatNumber(oee.good)}</b> good
            <b className={classes.reject}>{oee.reject === null ? '—' : formatNumber(oee.reject)}</b> reject
            {oee.unit ? <span className={classes.dim}> {oee.unit}</span> : null}
          </span>
        </p>
        <TimeBar oee={oee} />
      </section>

      {machine.values.length > 0 ? (
        <ul className={classes.values} aria-label="Values">
          {machine.values.map((tag) => (
            <TileValue
              key={tag.id}
              tag={tag}
              charted={charted.includes(tag.id)}
              onChart={() => onChart(machine.path, tag.id)}
            />
          ))}
        </ul>
      ) : null}
      <ConnectionLine machine={machine} hubLostAt={hubLostAt} />
    </article>
  );
});

function hasUnknownFactor({ oee }: MachineView): boolean {
  return oee.availability === null || oee.performance === null || oee.quality === null;
}

/** The ISA-95 levels above the machine: `acme › hamburg › packaging › line 1`. */
function breadcrumb(path: string): string {
  return path
    .split('/')
    .slice(0, -1)
    .map((level) => level.replaceAll(/[-_]+/g, ' '))
    .join(' › ');
}
