/** The passwords of gateways, compared in constant time and kept only as digests. */
import { createHash, timingSafeEqual } from 'node:crypto';

export class GatewayCredentials {
  readonly #digests = new Map<string, Buffer>();

  set(gateway: string, password: string): void {
    this.#digests.set(gateway, digest(password));
  }

  has(gateway: string): boolean {
    return this.#digests.has(gateway);
  }

  verify(gateway: string, password: Buffer): boolean {
    const known = this.#digests.get(gateway);
    const given = digest(password);
    // An unknown name takes as long as a wrong password.
    return timingSafeEqual(known ?? digest(''), given) && known !== undefined;
  }
}

/** Gateways' passwords are 256 random bits, so a fast digest is enough: there is no dictionary to try. */
function digest(password: string | Buffer): Buffer {
  return createHash('sha256').update(password).digest();
}
