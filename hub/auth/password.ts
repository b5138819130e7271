/** Passwords of people: argon2id with the parameters of RFC 9106, second recommendation scaled to a small server. */
import { randomBytes } from 'node:crypto';
import { hash, verify } from '@node-rs/argon2';

/** Argon2id is the library's default; memory in KiB. */
const OPTIONS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** Letters and digits that cannot be taken for one another when read from a screen. */
const ALPHABET = 'abcdefghijkmnpqrstuvwxyz23456789';

/** The same characters are the same password, whichever way a keyboard has put them together. */
export function hashPassword(password: string): Promise<string> {
  return hash(password.normalize('NFKC'), OPTIONS);
}

/** False also when the stored hash is damaged. */
export async function verifyPassword(stored: string, password: string): Promise<boolean> {
  try {
    return await verify(stored, password.normalize('NFKC'));
  } catch {
    return false;
  }
}

/** A password of 20 characters, 100 random bits, in groups of five. */
export function generatePassword(): string {
  const letters = [...randomBytes(20)].map((byte) => ALPHABET[byte % 32]!);
  return [0, 5, 10, 15].map((at) => letters.slice(at, at + 5).join('')).join('-');
}
