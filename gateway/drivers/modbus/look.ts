/** What registers hold now and may mean, for somebody who looks at a device: asked between the polls, never written. */
import { MAX_REGISTERS, type ModbusTable, type Registers } from '@lineside/shared/contracts/device-look.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { HIGHEST_ADDRESS, isBitTable, READ_CODE } from './address.ts';
import { scopeOf } from './failure.ts';
import type { PlanLimits } from './plan.ts';
import { bitTagLine, figure, named, tagLine } from './probe-report.ts';
import { candidatesAt } from './probe-values.ts';
import { readRequest } from './request.ts';
import { type ExchangeHost, said, type UrgentExchanges } from './urgent-exchanges.ts';

/** Readings of one register that are worth a look. */
const MOST_READINGS = 4;

export interface LookHost extends ExchangeHost {
  readonly device: string;
  readonly limits: PlanLimits;
  now(): number;
}

type Found = Registers['registers'][number];

/** @throws LinesideError DEVICE_LOOK */
export async function readRegisters(
  host: LookHost,
  exchanges: UrgentExchanges,
  { table, first, count }: { table: ModbusTable; first: number; count: number },
): Promise<Registers> {
  const last = first + count - 1;
  const down = host.downBecause();
  if (down !== null) throw refused(down);
  if (count < 1 || count > MAX_REGISTERS || last > HIGHEST_ADDRESS) {
    throw refused(`${table} ${first} to ${last}: ask for 1 to ${MAX_REGISTERS} addresses, up to ${HIGHEST_ADDRESS}`);
  }
  const closed = host.limits.forbidden?.find(
    (range) => range.table === table && range.first <= last && range.last >= first,
  );
  if (closed) {
    const words = `${table}:${closed.first}-${closed.last} is in "forbidden" of device "${host.device}": no request may touch it`;
    throw refused(words);
  }
  const most = host.limits.maxBlock * (isBitTable(table) ? 16 : 1);
  const parts: Part[] = [];
  for (let at = first; at <= last; at += most) {
    await read(host, exchanges, table, { first: at, count: Math.min(most, last - at + 1) }, parts);
  }
  const registers = isBitTable(table) ? parts.flatMap((part) => bits(table, part)) : words(table, parts);
  return { at: host.now(), table, registers };
}

interface Span {
  first: number;
  count: number;
}
type Part = Span & ({ bytes: Buffer } | { why: string });

/** What is refused as a whole is asked for by halves, so that one missing address does not hide its neighbours. */
async function read(
  host: LookHost,
  exchanges: UrgentExchanges,
  table: ModbusTable,
  span: Span,
  parts: Part[],
): Promise<void> {
  const { first, count } = span;
  const answer = await exchanges.exchange(readRequest(host.unitId, READ_CODE[table], first, count), true);
  if ('bytes' in answer) {
    parts.push({ ...span, bytes: answer.bytes });
    return;
  }
  const ofAddress = 'exception' in answer && scopeOf(answer.exception) === 'address';
  if (!ofAddress) throw refused(`device "${host.device}": ${said(answer)}`);
  // Where the whole table is unknown, no address of it is there.
  if (count === 1 || answer.exception === 1) {
    parts.push({ ...span, why: said(answer) });
    return;
  }
  const half = count >> 1;
  await read(host, exchanges, table, { first, count: half }, parts);
  await read(host, exchanges, table, { first: first + half, count: count - half }, parts);
}

function refusals({ first, count }: Span, why: string): Found[] {
  return Array.from({ length: count }, (_, i) => ({ address: first + i, raw: null, refused: why, readings: [] }));
}

function bits(table: ModbusTable, part: Part): Found[] {
  if ('why' in part) return refusals(part, part.why);
  return Array.from({ length: part.count }, (_, i) => {
    const address = part.first + i;
    const raw = (part.bytes[i >> 3]! >> (i & 7)) & 1;
    const tag = bitTagLine(table, address);
    return { address, raw, readings: [{ words: 'bool', registers: 1, value: raw ? 'true' : 'false', tag }] };
  });
}

/** Neighbours that came by several requests are one block: a value may lie across two of them. */
function words(table: ModbusTable, parts: readonly Part[]): Found[] {
  const found: Found[] = [];
  for (let at = 0; at < parts.length; ) {
    const part = parts[at]!;
    if ('why' in part) {
      found.push(...refusals(part, part.why));
      at++;
      continue;
    }
    const pieces: Buffer[] = [];
    for (let next = parts[at]; next && 'bytes' in next; next = parts[++at]) pieces.push(next.bytes);
    const block = Buffer.concat(pieces);
    for (let i = 0; i < block.length / 2; i++) found.push(wordAt(table, block, part.first + i, i));
  }
  return found;
}

function wordAt(table: ModbusTable, block: Buffer, address: number, i: number): Found {
  const likely = candidatesAt([block], i).filter(({ score }) => score > 0);
  const readings = likely.slice(0, MOST_READINGS).map((candidate) => ({
    words: named(candidate),
    registers: candidate.width,
    value: figure(candidate.values[0]!),
    tag: tagLine(table, address, candidate),
  }));
  return { address, raw: block.readUInt16BE(2 * i), readings };
}

function refused(words: string): LinesideError {
  return new LinesideError('DEVICE_LOOK', 'outside', words);
}
