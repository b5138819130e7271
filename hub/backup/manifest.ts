/** What a backup says of itself: what is in it, so that it can be checked, and when it is from. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';

/** Rises when an older hub could not restore it any more. */
const FORMAT = 1;
const NAME = 'manifest.json';
export const RELATIONAL = 'relational.tar.zst';
export const TIME_SERIES = 'timeseries.duckdb';
/** The rest of dataDir. */
export const OTHERS = 'others.tar.zst';

const Count = Type.Integer({ minimum: 0 });
const Ms = Type.Integer({ minimum: 0 });

export const Manifest = Type.Object({
  format: Type.Literal(FORMAT),
  /** Of the hub that made it, of PostgreSQL in it. */
  hub: Type.String(),
  postgres: Type.String(),
  /** What is in it is of this moment; milliseconds since 1970 UTC. */
  madeAt: Ms,
  finishedAt: Ms,
  migrations: Type.Array(Type.String()),
  /** By name, of every file but this one. */
  files: Type.Record(
    Type.String(),
    Type.Object({ bytes: Count, sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }) }),
  ),
  /** By table. */
  rows: Type.Object({
    relational: Type.Record(Type.String(), Count),
    timeSeries: Type.Record(Type.String(), Count),
  }),
  /** Up to which record each epoch is in it. */
  watermarks: Type.Array(Type.Object({ gateway: Type.String(), epoch: Type.String(), seq: Count })),
});
export type Manifest = Static<typeof Manifest>;
export type Made = Omit<Manifest, 'format'>;

interface Progress {
  /** What is being done, in words. */
  step: string;
  bytes: number;
  /** Of so many; 0 when that is not known. */
  total: number;
}
export type OnProgress = (progress: Progress) => void;

/** @throws LinesideError BACKUP_DAMAGED, BACKUP_NEWER, BACKUP_NOT_FOUND */
export async function readManifest(dir: string): Promise<Manifest> {
  let text: string;
  try {
    text = await readFile(join(dir, NAME), 'utf8');
  } catch (error) {
    const words = `${dir} is no backup: ${NAME} cannot be read (${messageOf(error)})`;
    throw new LinesideError('BACKUP_NOT_FOUND', 'config', words, { cause: error });
  }
  let manifest: unknown;
  try {
    manifest = JSON.parse(text);
  } catch {
    throw damaged(dir, NAME, 'it is no JSON');
  }
  const format = (manifest as { format?: unknown } | null)?.format;
  if (typeof format === 'number' && format > FORMAT) {
    const words = `${dir} was made by a newer hub (${String((manifest as Manifest).hub)}), in a form that this one does not know: restore it with that one`;
    throw new LinesideError('BACKUP_NEWER', 'config', words);
  }
  if (!Value.Check(Manifest, manifest)) throw damaged(dir, NAME, 'it does not say what it must');
  return manifest;
}

/** The last step of a backup: durable when it resolves. */
export async function writeManifest(dir: string, made: Made): Promise<Manifest> {
  const manifest: Manifest = { format: FORMAT, ...made };
  const file = await open(join(dir, NAME), 'wx', 0o600);
  try {
    await file.writeFile(`${JSON.stringify(manifest, null, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  return manifest;
}

/** Reads a whole file. */
export async function sumOf(
  file: string,
  onBytes: (bytes: number) => void = () => undefined,
  signal?: AbortSignal,
): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024, signal })) {
    hash.update(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    onBytes(bytes);
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** Compares every file with what the manifest says of it. @throws LinesideError BACKUP_DAMAGED naming the file */
export async function checkFiles(dir: string, { files }: Manifest, onProgress: OnProgress): Promise<void> {
  const total = Object.values(files).reduce((sum, { bytes }) => sum + bytes, 0);
  let before = 0;
  for (const [name, said] of Object.entries(files)) {
    const found = await sumOf(join(dir, name), (bytes) =>
      onProgress({ step: `reading ${name}`, bytes: before + bytes, total }),
    ).catch((error: unknown) => {
      throw damaged(dir, name, messageOf(error));
    });
    if (found.bytes !== said.bytes) throw damaged(dir, name, `it has ${found.bytes} bytes and had ${said.bytes}`);
    if (found.sha256 !== said.sha256) throw damaged(dir, name, 'its SHA-256 is another one than when it was made');
    before += said.bytes;
  }
}

/** @throws LinesideError BACKUP_DAMAGED naming the table */
export function checkRows(
  dir: string,
  store: string,
  said: Record<string, number>,
  found: Record<string, number>,
): void {
  for (const table of new Set([...Object.keys(said), ...Object.keys(found)])) {
    if (said[table] === found[table]) continue;
    throw damaged(dir, store, `the table ${table} has ${found[table] ?? 'no'} rows and had ${said[table] ?? 'no'}`);
  }
}

export function damaged(dir: string, name: string, why: string): LinesideError {
  const words = `the backup ${dir} is damaged: ${name}: ${why}. Take another one`;
  return new LinesideError('BACKUP_DAMAGED', 'outside', words);
}
