/**
 * Which addresses of a table can be read, and in what lengths. A single read at each address that is refused, and from
 * each that is not a search for the end of its run, in doubling steps and then by halves.
 */
import type { Table } from './address.ts';
import { mostOf, type ProbeAnswer, type ProbeLine } from './probe-line.ts';

/** Neighbouring addresses that one request reads, both ends included. */
export interface Run {
  first: number;
  last: number;
}

export interface TableMap {
  table: Table;
  runs: Run[];
  /** Asked alone and refused or not answered, by exception; 0 for silence or a wrong answer. */
  refused: Map<number, Run[]>;
  /** The longest read that was answered, and the shortest that was refused although its parts are not; null: none. */
  longest: number;
  tooLong: number | null;
  /** Between runs, how far the device let read across what it refuses alone. */
  gapsTolerated: number[];
  gapsRefused: Run[];
  /** Addresses up to this one were looked at. */
  lookedUpTo: number;
}

/** So many gaps between runs are tried. */
const GAPS_TRIED = 8;

/** After so many unanswered reads in a row a table is left. */
const SILENCES = 3;

export function emptyMap(table: Table): TableMap {
  return {
    table,
    runs: [],
    refused: new Map(),
    longest: 0,
    tooLong: null,
    gapsTolerated: [],
    gapsRefused: [],
    lookedUpTo: -1,
  };
}

/** Fills `map` in place, so that what was found stands when the line ends it. */
export async function mapTable(
  line: ProbeLine,
  unit: number,
  map: TableMap,
  from: number,
  to: number,
): Promise<void> {
  const { table } = map;
  const ok = async (offset: number, count: number) => {
    const answer = await line.read(unit, table, offset, count);
    if ('bytes' in answer) map.longest = Math.max(map.longest, count);
    return answer;
  };
  let silences = 0;
  let at = from;
  while (at <= to) {
    const single = await ok(at, 1);
    if (!('bytes' in single)) {
      note(map, at, single);
      map.lookedUpTo = at;
      silences = 'exception' in single ? 0 : silences + 1;
      // A table that the device does not know at all, or that it never answers for, is not worth more requests.
      if (silences >= SILENCES || ('exception' in single && single.exception === 1)) return;
      at++;
      continue;
    }
    silences = 0;
    const most = Math.min(map.tooLong === null ? mostOf(table) : map.tooLong - 1, to - at + 1);
    const length = await longestFrom(ok, at, most);
    map.runs.push({ first: at, last: at + length - 1 });
    map.lookedUpTo = at + length - 1;
    const next = at + length;
    if (length < most && next <= to) {
      // Refused for its length when the next address can be read alone, else for that address.
      const beyond = await ok(next, 1);
      if ('bytes' in beyond) map.tooLong = length + 1;
      else {
        note(map, next, beyond);
        map.lookedUpTo = next;
        at = next + 1;
        continue;
      }
    }
    at = next;
  }
  await tryGaps(map, ok);
}

async function longestFrom(
  ok: (offset: number, count: number) => Promise<ProbeAnswer>,
  at: number,
  most: number,
): Promise<number> {
  const fits = async (count: number) => 'bytes' in (await ok(at, count));
  let good = 1;
  if (most > 1 && (await fits(most))) return most;
  let bad = most;
  for (let step = 2; step < most; step *= 2) {
    if (!(await fits(step))) {
      bad = step;
      break;
    }
    good = step;
  }
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (await fits(middle)) good = middle;
    else bad = middle;
  }
  return good;
}

/** Some devices refuse an address alone and let read across it. */
async function tryGaps(map: TableMap, ok: (offset: number, count: number) => Promise<ProbeAnswer>): Promise<void> {
  const runs = joined(map.runs);
  for (let i = 1; i < Math.min(runs.length, GAPS_TRIED + 1); i++) {
    const [first, last] = [runs[i - 1]!.last + 1, runs[i]!.first - 1];
    if (last - first + 3 > (map.tooLong ?? mostOf(map.table) + 1) - 1) continue;
    const answer = await ok(first - 1, last - first + 3);
    if ('bytes' in answer) map.gapsTolerated.push(last - first + 1);
    else map.gapsRefused.push({ first, last });
  }
}

/** Runs that touch each other as one: a limit of length, not a hole, is between them. */
export function joined(runs: readonly Run[]): Run[] {
  const whole: Run[] = [];
  for (const { first, last } of runs) {
    const before = whole.at(-1);
    if (before && before.last + 1 === first) before.last = last;
    else whole.push({ first, last });
  }
  return whole;
}

function note(map: TableMap, address: number, answer: ProbeAnswer): void {
  const why = 'exception' in answer ? answer.exception : 0;
  const runs = map.refused.get(why) ?? [];
  map.refused.set(why, runs);
  const before = runs.at(-1);
  if (before && before.last + 1 === address) before.last = address;
  else runs.push({ first: address, last: address });
}
