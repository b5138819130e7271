/** Where a page of the audit ends, as a client hands it back. */
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import type { WriteCursor } from '../store/postgres/writes.ts';

const Parts = Type.Tuple([Type.Integer(), Type.String(), Type.String(), Type.String()]);

export function writeCursor({ asked_at, gateway, via, id }: WriteCursor): string {
  return Buffer.from(JSON.stringify([asked_at, gateway, via, id])).toString('base64url');
}

/** @throws LinesideError CURSOR_INVALID */
export function readCursor(text: string): WriteCursor {
  let parts: unknown;
  try {
    parts = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  } catch {
    parts = undefined;
  }
  if (!Value.Check(Parts, parts)) {
    throw new LinesideError('CURSOR_INVALID', 'peer', 'cursor is none that a page of writes has given');
  }
  const [asked_at, gateway, via, id] = parts;
  return { asked_at, gateway, via, id };
}
