import type { TokenView } from '@lineside/shared/contracts/enrolment.ts';
import { Button } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { fleetApi } from '../../api/fleet-api.ts';
import { useMay } from '../../api/session.ts';
import { formatDuration, formatFull } from '../../format/duration.ts';
import { useHubNow } from '../../live/live-context.tsx';
import { ConfirmDialog } from '../admin/confirm-dialog.tsx';
import classes from './enrolment.module.css';

/** Others make tokens as well, and gateways use them. Milliseconds. */
const LOOK_MS = 10_000;

/** Tokens by which a gateway may come in: whoever sees one that should not be there withdraws it. */
export function OpenTokens() {
  const may = useMay('gateways.enrol');
  const now = useHubNow(1_000);
  const queries = useQueryClient();
  const [withdrawing, setWithdrawing] = useState<TokenView | null>(null);
  const tokens = useQuery({
    queryKey: ['enrolment-tokens'],
    queryFn: ({ signal }) => fleetApi.tokens(signal),
    enabled: may,
    refetchInterval: LOOK_MS,
  });
  const open = tokens.data?.filter(({ usedAt, expiresAt }) => usedAt === null && expiresAt > now) ?? [];
  if (open.length === 0) return null;
  return (
    <section className={classes.waiting} aria-label="Waiting to enrol">
      <h3>Waiting to enrol</h3>
      <ul>
        {open.map((token) => (
          <li key={token.id} data-testid="open-token">
            <span>
              <b>{token.gateway}</b> by a token of {token.createdBy},{' '}
              <span title={formatFull(token.expiresAt)}>good for {formatDuration(token.expiresAt - now)}</span>
            </span>
            <Button
              variant="default"
              size="xs"
              aria-label={`Withdraw the token for ${token.gateway}`}
              onClick={() => setWithdrawing(token)}
            >
              Withdraw…
            </Button>
          </li>
        ))}
      </ul>
      {withdrawing ? (
        <ConfirmDialog
          title={`Withdraw the token for ${withdrawing.gateway}?`}
          words="Nobody enrols by it any more. A gateway that has enrolled already is not touched."
          verb="Withdraw"
          act={() => fleetApi.withdrawToken(withdrawing.id)}
          onDone={() => {
            setWithdrawing(null);
            void queries.invalidateQueries({ queryKey: ['enrolment-tokens'] });
          }}
          onClose={() => setWithdrawing(null)}
        />
      ) : null}
    </section>
  );
}
