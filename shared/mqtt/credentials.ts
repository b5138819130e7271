/** The passwords of a broker's clients, compared in constant time and kept only as digests. */
import { createHash, timingSafeEqual } from 'node:crypto';

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
 * Gateways' passwords are 256 random bits, so a fast digest is enough: there is no dictionary to try. Others are kept
 * in memory only, never on disk in this form.
 */
function digest(password: string | Buffer): Buffer {
  return createHash('sha256').update(password).digest();
}
