/** The passwords of a broker's clients, compared in constant time and kept only as digests. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { readSecret } from '../config/validate.ts';
import { LinesideError, messageOf } from '../errors/lineside-error.ts';

export class Credentials {
  readonly #digests = new Map<string, Buffer>();

  set(name: string, password: string): void {
    this.#digests.set(name, digest(password));
  }

  has(name: string): boolean {
    return this.#digests.has(name);
  }

  verify(name: string, password: Buffer): boolean {
    const known = this.#digests.get(name);
    const given = digest(password);
    // An unknown name takes as long as a wrong password.
    return timingSafeEqual(known ?? digest(''), given) && known !== undefined;
  }
}

/**
 * The passwords of accounts, from their files; an account without a file cannot come in.
 *
 * @param whose what an account is called in messages, such as `hub.yaml: gateway`
 * @throws LinesideError SECRET_UNREADABLE naming the account
 */
export function readCredentials(
  accounts: { name: string; passwordFile?: string | undefined }[],
  resolvePath: (path: string) => string,
  whose: string,
): Credentials {
  const credentials = new Credentials();
  for (const { name, passwordFile } of accounts) {
    if (passwordFile === undefined) continue;
    try {
      credentials.set(name, readSecret(resolvePath(passwordFile)));
    } catch (cause) {
      const words = `${whose} "${name}", passwordFile: ${messageOf(cause)}`;
      throw new LinesideError('SECRET_UNREADABLE', 'config', words, { cause });
    }
  }
  return credentials;
}

/**
 * Gateways' passwords are 256 random bits, so a fast digest is enough: there is no dictionary to try. Others are kept
 * in memory only, never on disk in this form.
 */
function digest(password: string | Buffer): Buffer {
  return createHash('sha256').update(password).digest();
}
