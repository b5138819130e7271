import type { MadeToken } from '@lineside/shared/contracts/enrolment.ts';
import { Button, Loader } from '@mantine/core';
import { IconAlertTriangle, IconCircleCheck } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { fleetApi } from '../../api/fleet-api.ts';
import { formatDuration, formatMoment } from '../../format/duration.ts';
import { useGateways, useHubNow } from '../../live/live-context.tsx';
import { gatewayLink } from '../../route.ts';
import { DialogButtons } from '../../ui/dialog-buttons.tsx';
import { Notice } from '../../ui/notice.tsx';
import { Refusal } from '../../ui/refusal.tsx';
import { Snippet } from '../../ui/snippet.tsx';
import classes from './enrolment.module.css';

/** Whether a token was used is asked so often. Milliseconds. */
const LOOK_MS = 2_000;
const CONFIG = '/etc/lineside/gateway.yaml';

/** What to type at the machine, and how far it is. The token is shown here and nowhere again. */
export function EnrolSteps({ made, hub, onClose }: { made: MadeToken; hub: string; onClose: () => void }) {
  const { gateway: id, token, expiresAt } = made;
  const now = useHubNow();
  const queries = useQueryClient();
  const tokens = useQuery({
    queryKey: ['enrolment-tokens'],
    queryFn: ({ signal }) => fleetApi.tokens(signal),
    refetchInterval: LOOK_MS,
  });
  const own = tokens.data?.find((each) => each.id === made.id);
  const usedAt = own?.usedAt ?? null;
  const gateway = useGateways().find((each) => each.id === id);
  const here = usedAt !== null && gateway?.online === true && gateway.certificate !== undefined;
  const over = usedAt === null && now >= Math.min(expiresAt, own?.expiresAt ?? expiresAt);
  const withdraw = useMutation({
    mutationFn: () => fleetApi.withdrawToken(made.id),
    onSuccess: onClose,
    onSettled: () => void queries.invalidateQueries({ queryKey: ['enrolment-tokens'] }),
  });
  return (
    <div className={classes.body}>
      {here ? (
        <Notice tone="info" icon={<IconCircleCheck size="1.35rem" />} title={`${id} is here`}>
          It came in by its certificate, and renews it by itself. <a href={gatewayLink(id)}>Show it</a>
        </Notice>
      ) : null}
      <ol className={classes.steps} aria-label="What to do at the machine">
        <Step done={usedAt !== null} title={`On the machine, whose configuration has gateway.id: ${id}`}>
          <Snippet
            hideName
            name="the command to enrol"
            text={`sudo gateway enrol --hub ${hub} --token ${token} --config ${CONFIG}`}
          />
          {hub.startsWith('https:') ? (
            <p>When the certificate of this address is the plant’s own, add --ca-file with the authority’s file.</p>
          ) : null}
          <p role="status">
            {usedAt !== null
              ? `Enrolled ${formatMoment(usedAt, now)}: it has its certificate.`
              : over
                ? 'The token is over. Close this, and make another one.'
                : `The token is good once and for ${id} only, for ${formatDuration(Math.max(0, expiresAt - now))}.`}
          </p>
        </Step>
        <Step
          done={here}
          title="Put the two lines that the command shows under hub: in place of url and passwordFile"
        >
          <Snippet hideName name="how the file is opened" text={`sudoedit ${CONFIG}`} />
        </Step>
        <Step done={here} title="Start it with them">
          <Snippet hideName name="the command to restart" text="sudo systemctl restart lineside-gateway" />
          <p role="status">
            {here ? (
              `${id} is online.`
            ) : usedAt === null ? (
              'This shows when it has come.'
            ) : (
              <>
                <Loader size="0.9rem" /> Waiting for {id}
              </>
            )}
          </p>
        </Step>
      </ol>
      {usedAt === null && !over ? (
        <Notice tone="warning" icon={<IconAlertTriangle size="1.35rem" />} title="The token is shown this once">
          The hub keeps only a digest of it. Copy the command before you close this.
        </Notice>
      ) : null}
      <Refusal error={withdraw.error} title="Not withdrawn" />
      <DialogButtons>
        {usedAt === null && !over ? (
          <Button variant="default" loading={withdraw.isPending} onClick={() => withdraw.mutate()}>
            Withdraw the token
          </Button>
        ) : null}
        <Button onClick={onClose}>{usedAt === null && !over ? 'I have it' : 'Close'}</Button>
      </DialogButtons>
    </div>
  );
}

function Step({ done, title, children }: { done: boolean; title: string; children: ReactNode }) {
  return (
    <li data-done={done || undefined}>
      <b>{title}</b>
      {children}
    </li>
  );
}
