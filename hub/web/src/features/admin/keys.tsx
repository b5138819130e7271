import type { ApiKeyView, ApiKeyWithSecret } from '@lineside/shared/contracts/accounts.ts';
import { Button } from '@mantine/core';
import { IconKey } from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { adminApi } from '../../api/admin-api.ts';
import { formatDate, formatFull, formatMoment } from '../../format/duration.ts';
import { sitesWords } from '../../format/role-words.ts';
import { useHubMinute } from '../../live/live-context.tsx';
import { MessagePanel } from '../../ui/message-panel.tsx';
import { Panel } from '../../ui/panel.tsx';
import { useFirst } from '../../ui/show-more.tsx';
import classes from './admin.module.css';
import { AdminList } from './admin-list.tsx';
import { ConfirmDialog } from './confirm-dialog.tsx';
import { KeyDialog } from './key-dialog.tsx';
import { SecretDialog } from './secret-dialog.tsx';

const SHOWN_AT_ONCE = 100;

/** What programs come in with. */
export function Keys() {
  const queries = useQueryClient();
  const keys = useQuery({ queryKey: ['keys'], queryFn: ({ signal }) => adminApi.keys(signal) });
  const [adding, setAdding] = useState(false);
  const [revoking, setRevoking] = useState<ApiKeyView | null>(null);
  const [made, setMade] = useState<ApiKeyWithSecret | null>(null);
  const known = keys.data ?? [];
  const { first, more } = useFirst(known, SHOWN_AT_ONCE);
  const done = (key: ApiKeyWithSecret | null) => {
    setAdding(false);
    setRevoking(null);
    setMade(key);
    void queries.invalidateQueries({ queryKey: ['keys'] });
  };
  return (
    <Panel
      title="API keys"
      aside={
        <Button size="sm" leftSection={<IconKey size="1.1rem" />} onClick={() => setAdding(true)}>
          Make a key
        </Button>
      }
    >
      <AdminList
        label="API keys"
        query={keys}
        count={known.length}
        empty={
          <MessagePanel icon={<IconKey size="1.6rem" />} title="There is no API key yet">
            A program such as Grafana reads from the hub with a key of its own. It may do only what the key says.
          </MessagePanel>
        }
      >
        {first.map((key) => (
          <KeyRow key={key.id} of={key} onRevoke={() => setRevoking(key)} />
        ))}
      </AdminList>
      {more}
      {adding ? <KeyDialog onDone={done} onClose={() => setAdding(false)} /> : null}
      {revoking ? (
        <ConfirmDialog
          title={`Revoke the key ${revoking.name}?`}
          words="Whatever uses it is shut out at once. This cannot be undone."
          verb="Revoke"
          act={() => adminApi.revokeKey(revoking.id)}
          onDone={() => done(null)}
          onClose={() => setRevoking(null)}
        />
      ) : null}
      {made ? (
        <SecretDialog
          title={`The key ${made.key.name}`}
          words="The program sends it in the header Authorization, behind the word Bearer."
          secret={made.secret}
          copyLabel="Copy the key"
          onClose={() => setMade(null)}
        />
      ) : null}
    </Panel>
  );
}

function KeyRow({ of: key, onRevoke }: { of: ApiKeyView; onRevoke: () => void }) {
  const now = useHubMinute();
  const expired = key.expiresAt !== null && key.expiresAt <= now;
  const over = expired || key.revokedAt !== null;
  return (
    <li className={classes.row} data-over={over || undefined} data-testid="key-row">
      <div className={classes.cell}>
        <b>{key.name}</b>
        <span>
          <code>{key.prefix}…</code>, made by {key.createdBy} {formatMoment(key.createdAt, now)}
        </span>
      </div>
      <div className={classes.cell}>
        {key.scopes.join(', ')}
        <span>{sitesWords(key.sites)}</span>
      </div>
      <div className={classes.cell}>
        <EndWords of={key} expired={expired} now={now} />
        <span title={key.lastUsedAt === null ? undefined : formatFull(key.lastUsedAt)}>
          {key.lastUsedAt === null
            ? 'Never used'
            : `Last used ${formatMoment(key.lastUsedAt, now)} from ${key.lastUsedFrom}`}
        </span>
      </div>
      <div className={classes.act}>
        {over ? null : (
          <Button variant="default" size="xs" aria-label={`Revoke ${key.name}`} onClick={onRevoke}>
            Revoke…
          </Button>
        )}
      </div>
    </li>
  );
}

function EndWords({ of: key, expired, now }: { of: ApiKeyView; expired: boolean; now: number }) {
  if (key.revokedAt !== null) {
    return (
      <span className={classes.bad}>
        Revoked {formatMoment(key.revokedAt, now)} by {key.revokedBy}
      </span>
    );
  }
  if (key.expiresAt === null) return <span>Does not end</span>;
  const words = formatDate(key.expiresAt);
  return expired ? <span className={classes.bad}>Ended {words}</span> : <span>Ends {words}</span>;
}
