import { createHash } from 'node:crypto';

/** Tokens and keys are 256 random bits: a fast digest keeps a stolen table useless. */
export function digest(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
