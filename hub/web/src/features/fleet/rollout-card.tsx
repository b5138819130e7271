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
  const waves = [...Map.groupBy(gateways, ({ wave }) => wave)].toSorted(([a], [b]) => a - b);
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
        {waves.map(([wave, members]) => (
          <div key={wave}>
            <dt>Wave {wave}</dt>
            <dd>
              {members.map(({ gateway, state: how, detail }) => (
                <span key={gateway} data-state={how} title={detail}>
                  <a href={gatewayLink(gateway)}>{gateway}</a> {AT_GATEWAY[how]}
                  {how === 'failed' && detail && !reason.includes(detail) ? <small>{detail}</small> : null}
                </span>
              ))}
            </dd>
          </div>
        ))}
      </dl>
    </article>
  );
}
