/** Who may come in, by the hub's configuration. */
import { readSecret } from '@lineside/shared/config/validate.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Unwind } from '@lineside/shared/lifecycle/unwind.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { Access } from './auth/access.ts';
import type { AuditLog } from './auth/audit-log.ts';
import type { RecoverWish } from './auth/recover-user.ts';
import type { LoadedHubConfig } from './config/load-config.ts';
import type { ControlSocket } from './control/control-socket.ts';
import type { Stores } from './stores-part.ts';

export interface IdentityPartOptions {
  audit: AuditLog;
  control: ControlSocket;
  unwind: Unwind;
  log: Logger;
  now(): number;
}

/** @throws LinesideError SECRET_UNREADABLE, SIGNING_KEY_DAMAGED */
export async function openIdentity(
  config: LoadedHubConfig,
  { relational, dataDir }: Stores,
  { audit, control, unwind, log, now }: IdentityPartOptions,
): Promise<{ people: Access; first: { user: string; password: string } | null }> {
  const { auth, equipment } = config;
  const places = new Set(equipment.nodes.map(({ path }) => path));
  const people = new Access({
    ...{
      db: relational.db,
      shared: relational.shared,
      audit,
      dataDir,
      config: auth,
      clientSecret: clientSecretOf(config),
      now,
    },
    isPlace: (path) => places.has(path),
    passwordContext: ['lineside', equipment.enterprise],
    log: log.child({ part: 'access' }),
  });
  control.answer('reset-password', (wish: RecoverWish, by) => people.recover(wish, by));
  unwind.defer('who may come in', () => people.stop());
  return { people, first: await people.start() };
}

function clientSecretOf({ auth, resolvePath, file }: LoadedHubConfig): string | undefined {
  const secretFile = auth.oidc?.clientSecretFile;
  if (secretFile === undefined) return undefined;
  try {
    return readSecret(resolvePath(secretFile));
  } catch (cause) {
    const words = `${file}: auth.oidc.clientSecretFile: ${messageOf(cause)}`;
    throw new LinesideError('SECRET_UNREADABLE', 'config', words, { cause });
  }
}
