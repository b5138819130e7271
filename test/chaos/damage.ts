/** Damage to the newest file of a killed gateway's buffer, as a dying card or a power cut does it. */
import { open, readdir, readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import type { Random } from '../../demo/random.ts';
import { RECORD_HEADER } from '../../gateway/buffer/format.ts';
import { scanSegment } from '../../gateway/buffer/scan.ts';

/** `flip` turns one bit around, `tear` leaves the newest record half written, `cut` takes the file's end away. */
export type DamageKind = 'flip' | 'tear' | 'cut';

/** How far from the end a bit is turned around or the file cut. Records. */
const REACH = 3;

/** @returns what was done, in words; undefined when there is no record to be damaged */
export async function damageTail(dir: string, kind: DamageKind, random: Random): Promise<string | undefined> {
  const names = (await readdir(dir)).filter((name) => name.endsWith('.seg')).sort();
  const newest = names.at(-1);
  if (!newest) return undefined;
  const path = join(dir, newest);
  const epoch = (await readFile(join(dir, 'epoch'), 'utf8')).trim();
  const bytes = await readFile(path);
  const { records } = scanSegment(bytes, { epoch, firstSeq: Number(newest.slice(0, -4)) });
  const reach = kind === 'tear' ? 1 : REACH;
  const record = records.at(-1 - Math.floor(random() * Math.min(reach, records.length)));
  if (!record) return undefined;
  const size = RECORD_HEADER + record.payloadBytes;
  // A disk writes sectors whole, so of a torn record at least the head has arrived: without it nobody could tell that it
  // had been there.
  const from = { flip: 0, tear: RECORD_HEADER, cut: 8 }[kind];
  const at = record.at + from + Math.floor(random() * (size - Math.max(from, 8)));
  if (kind === 'cut') await truncate(path, at);
  else {
    const file = await open(path, 'r+');
    if (kind === 'flip') await file.write(Uint8Array.of(bytes[at]! ^ (1 << Math.floor(random() * 8))), 0, 1, at);
    else await file.write(Buffer.alloc(record.at + size - at), 0, record.at + size - at, at);
    await file.close();
  }
  return `${kind} at byte ${at}, in record ${record.seq} of ${records.at(-1)!.seq}`;
}
