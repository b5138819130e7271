import type { RolloutView } from '@lineside/shared/contracts/rollout.ts';
import { Button } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { fleetApi } from '../../api/fleet-api.ts';
import { formatMoment } from '../../format/duration.ts';
import { useHubMinute } from '../../live/live-context.tsx';
import { gatewayLink } from '../../route.ts';
import classes from './rollout-card.module.css';

const STATES: Record<RolloutView['state'], string> = { running: 'Under way', done: 'Done', stopped: 'Stopped' };
const AT_GATEWAY: Record<RolloutView['gateways'][number]['state'], string> = {
  waiting: 'waits',
  running: 'on trial',
  done: 'has it',
  failed: 'did not take it',
  notSent: 'not touched',
};

/** How far one rollout is, wave by wave. */
export function RolloutCard({ rollout }: { rollout: RolloutView }) {
  const now = useHubMinute();
  const queries = useQueryClient();
  const stop = useMutation({
    mutationFn: () => fleetApi.stopRollout(rollout.id),
    onSettled: () => void queries.invalidateQueries({ queryKey: ['rollouts'] }),
  });
  const { by, at, state, reason, gateways } = rollout;
  const done = gateways.filter((each) => each.state === 'done').length;
  const stretches = stretchesOf(gateways);
  return (
    <article className={classes.root} data-state={state} data-testid="rollout">
      <header>
        <h3>
          {STATES[state]}: {done} of {gateways.length}
        </h3>
        <span>
          {by}, {formatMoment(at, now)}
        </span>
        {state === 'running' ? (
          <Button
            variant="default"
            size="compact-sm"
            loading={stop.isPending}
            disabled={stop.isSuccess}
            onClick={() => stop.mutate()}
          >
            {stop.isSuccess ? 'Stops behind this wave' : 'Stop'}
          </Button>
        ) : null}
      </header>
      <div className={classes.bar} aria-hidden="true">
        <i style={{ width: `${(100 * done) / gateways.length}%` }} />
      </div>
      {reason ? <p className={classes.reason}>{reason}</p> : null}
      {stop.error ? <p className={classes.reason}>Not stopped: {stop.error.message}</p> : null}
      <dl>
        {stretches.map((stretch) => (
          <Stretch key={stretch.first} stretch={stretch} reason={reason} />
        ))}
      </dl>
    </article>
  );
}

/** The same of many. */
const AT_GATEWAYS: Record<keyof typeof AT_GATEWAY, string> = {
  waiting: 'wait',
  running: 'are on trial',
  done: 'have it',
  failed: 'did not take it',
  notSent: 'were not touched',
};

type Member = RolloutView['gateways'][number];

/** Waves behind each other that are shown as one, because all of their gateways are alike. */
interface Waves {
  first: number;
  last: number;
  members: Member[];
  /** Of all of them; null when they differ. */
  alike: Member['state'] | null;
}

/** So many gateways that are alike are shown by their names. */
const NAMED = 12;

function stretchesOf(gateways: readonly Member[]): Waves[] {
  const waves = [...Map.groupBy(gateways, ({ wave }) => wave)].toSorted(([a], [b]) => a - b);
  const all: Waves[] = [];
  for (const [wave, members] of waves) {
    const state = members[0]!.state;
    // Of one that failed, and of those under way, every name counts.
    const uniform = state !== 'failed' && state !== 'running' && members.every((each) => each.state === state);
    const last = all.at(-1);
    if (uniform && last?.alike === state) {
      last.members.push(...members);
      last.last = wave;
    } else all.push({ first: wave, last: wave, members: [...members], alike: uniform ? state : null });
  }
  return all;
}

function Stretch({ stretch: { first, last, members, alike }, reason }: { stretch: Waves; reason: string }) {
  const list = members.map(({ gateway, state, detail }) => (
    <span key={gateway} data-state={state} title={detail}>
      <a href={gatewayLink(gateway)}>{gateway}</a> {AT_GATEWAY[state]}
      {state === 'failed' && detail && !reason.includes(detail) ? <small>{detail}</small> : null}
    </span>
  ));
  return (
    <div>
      <dt>{first === last ? `Wave ${first}` : `Waves ${first} to ${last}`}</dt>
      <dd>
        {alike === null || members.length <= NAMED ? (
          list
        ) : (
          <details>
            <summary>
              {members.length} gateways {AT_GATEWAYS[alike]}
            </summary>
            <div className={classes.names}>{list}</div>
          </details>
        )}
      </dd>
    </div>
  );
}
