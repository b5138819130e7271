/**
 * What registers may mean. Each reading of the same bytes is judged by how likely a machine is to have such a value:
 * the bits of anything else, read as a float, have an absurd exponent in nine of ten cases; and what a machine measures
 * moves little from one moment to the next.
 */
import type { ModbusType, ModbusWordOrder } from './config.ts';
import { registerReader, widthOf } from './decode.ts';

export interface Candidate {
  type: ModbusType;
  wordOrder: ModbusWordOrder;
  /** Registers. */
  width: number;
  /** As read, one for each snapshot. */
  values: number[];
  /** 0 to 1. */
  score: number;
}

const ORDERS: ModbusWordOrder[] = ['ABCD', 'CDAB', 'BADC', 'DCBA'];

const KINDS: { type: ModbusType; prior: number }[] = [
  { type: 'float32', prior: 1 },
  { type: 'float64', prior: 1 },
  { type: 'int16', prior: 0.5 },
  { type: 'uint16', prior: 0.5 },
  { type: 'int32', prior: 0.55 },
  { type: 'uint32', prior: 0.55 },
];

/**
 * Every reading of what stands at a register, the likely ones first.
 *
 * @param snapshots the bytes of a block, read several times
 * @param register position in the block, counted from 0
 */
export function candidatesAt(snapshots: readonly Buffer[], register: number): Candidate[] {
  const found: Candidate[] = [];
  const room = snapshots[0]!.length / 2 - register;
  for (const { type, prior } of KINDS) {
    const width = widthOf({ type });
    if (width > room) continue;
    for (const wordOrder of ORDERS) {
      // Of one register there are only two orders.
      if (width === 1 && (wordOrder === 'CDAB' || wordOrder === 'DCBA')) continue;
      const read = registerReader({ type, wordOrder });
      const values = snapshots.map((bytes) => {
        const value = read(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 2 * register);
        return typeof value === 'number' ? value : Number.NaN;
      });
      const familiar = wordOrder === 'ABCD' ? 1 : wordOrder === 'CDAB' ? 0.97 : width > 1 ? 0.9 : 0.7;
      const score = prior * familiar * size(type, values) * calm(values);
      found.push({ type, wordOrder, width, values, score });
    }
  }
  // A signed reading says no more than an unsigned one where nothing is negative.
  const negative = (one: Candidate) => one.values.some((value) => value < 0);
  const redundant = (one: Candidate) => (one.type === 'int16' || one.type === 'int32') && !negative(one);
  return found.filter((one) => !redundant(one)).sort((a, b) => b.score - a.score);
}

/** Wide values mostly begin at an even distance from the first register. */
const ODD = 0.9;

/** The likely readings one behind the other: each register is in one of them at most. */
export function likelyTags(snapshots: readonly Buffer[]): (Candidate & { register: number })[] {
  const tags: (Candidate & { register: number })[] = [];
  const count = snapshots[0]!.length / 2;
  const weight = ({ width, score }: Candidate, at: number) => (width > 1 && at % 2 === 1 ? ODD * score : score);
  for (let register = 0; register < count; ) {
    const candidates = candidatesAt(snapshots, register);
    const next = register + 1 < count ? candidatesAt(snapshots, register + 1)[0]! : null;
    // The second half of a value may read well as the first half of another one.
    const yields = next !== null && next.width > 1 && weight(next, register + 1) > weight(candidates[0]!, register);
    const best = yields ? candidates.find(({ width }) => width === 1)! : candidates[0]!;
    tags.push({ ...best, register });
    register += best.width;
  }
  return tags;
}

/** Whether machines have values of this size. */
function size(type: ModbusType, values: number[]): number {
  if (!values.every(Number.isFinite)) return 0;
  const most = Math.max(...values.map(Math.abs));
  if (type === 'float32' || type === 'float64') {
    // Registers of nothing but zeros are a number in every reading: the narrowest one says it.
    if (most === 0) return 0.1;
    const least = Math.min(...values.map(Math.abs).filter((value) => value > 0));
    return least >= 1e-3 && most < 1e6 ? 1 : least >= 1e-6 && most < 1e9 ? 0.4 : 0;
  }
  const wide = type === 'int32' || type === 'uint32';
  // A half without anything in it is either a wide number that is small or a narrow one that is 0; two halves with
  // something in them are more often two numbers.
  if (wide) return most === 0 ? 0.7 : most < 65_536 ? 1 : most < 0x100_0000 ? 0.85 : 0.5;
  return most < 20_000 ? 1 : 0.8;
}

/** How little it moves: 1 at rest, less the more it jumps about. */
function calm(values: number[]): number {
  const most = Math.max(...values.map(Math.abs));
  if (!(most > 0)) return 1;
  const moved = (Math.max(...values) - Math.min(...values)) / most;
  return moved <= 0.02 ? 1 : moved <= 0.2 ? 0.9 : moved <= 1 ? 0.6 : 0.4;
}
