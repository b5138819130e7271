/**
 * Passwords as mosquitto_passwd keeps them: `$7$iterations$salt$hash`, PBKDF2 with SHA-512. One form for the embedded
 * broker and for a Mosquitto.
 */
import { pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto';

/** As Mosquitto has it. More would not help: passwords that are made here have 192 random bits. */
const ITERATIONS = 101;
const HASH_BYTES = 64;
const SALT_BYTES = 12;
const FORM = /^\$7\$(\d{1,7})\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+)$/;

export function newPassword(): string {
  return randomBytes(24).toString('base64url');
}

export function hashPassword(password: string): string {
  const salt = randomBytes(SALT_BYTES);
  const hash = pbkdf2Sync(password, salt, ITERATIONS, HASH_BYTES, 'sha512');
  return `$7$${ITERATIONS}$${salt.toString('base64')}$${hash.toString('base64')}`;
}

/** False also when the stored hash is damaged. */
export function verifyPassword(stored: string, password: Buffer | string): boolean {
  const [, iterations, salt, hash] = FORM.exec(stored) ?? [];
  if (!iterations || !salt || !hash) return false;
  const known = Buffer.from(hash, 'base64');
  const given = pbkdf2Sync(password, Buffer.from(salt, 'base64'), Number(iterations), HASH_BYTES, 'sha512');
  return known.length === given.length && timingSafeEqual(known, given);
}
