/** Learns how a Modbus device is best read, by careful reads and never a write. */
import type { Table } from './address.ts';
import { isBitTable } from './address.ts';
import type { ConnectionSettings } from './connection-config.ts';
import { mostOf, type ProbeAnswer, type ProbeBounds, ProbeEnded, ProbeLine } from './probe-line.ts';
import { emptyMap, joined, mapTable, type TableMap } from './probe-map.ts';
import { type Candidate, candidatesAt, likelyTags } from './probe-values.ts';

export interface ProbeRequest {
  connection: ConnectionSettings;
  /** Null: whichever answers. */
  unit: number | null;
  tables: Table[];
  from: number;
  to: number;
  bounds: ProbeBounds;
  resolvePath(path: string): string;
  progress(words: string): void;
}

export interface Reading {
  table: Table;
  address: number;
  /** The likeliest first. */
  candidates: Candidate[];
  /** The one that is suggested as a tag; null when the register lies within another one's. */
  tag: Candidate | null;
}

export interface ModbusProfile {
  /** Unit → what it said to a first read, in words. */
  units: Map<number, string>;
  unit: number | null;
  tables: TableMap[];
  /** Sorted, milliseconds. */
  latency: number[];
  readings: Reading[];
  requests: number;
  closed: number;
  /** Why it ended before everything was tried; empty when it did not. */
  ended: string;
}

/** Tried one by one when no unit is given: the usual ones of devices with a network port, then the first on a line. */
const UNITS = [1, 255, 0, 2, 3, 4, 5, 10, 100, 247];

const LATENCY_READS = 30;
const SNAPSHOTS = 4;
const SNAPSHOT_PAUSE_MS = 250;
const READINGS = 256;

/** @throws LinesideError PROBE_UNREACHABLE when there is no connection; a device that is silent is a result. */
export async function probeModbus(request: ProbeRequest): Promise<ModbusProfile> {
  const { connection, bounds, resolvePath } = request;
  const line = new ProbeLine(connection, bounds, resolvePath);
  const profile: ModbusProfile = {
    units: new Map(),
    unit: request.unit,
    tables: [],
    latency: [],
    readings: [],
    requests: 0,
    closed: 0,
    ended: '',
  };
  try {
    await line.open();
    await run(line, request, profile);
  } catch (error) {
    if (!(error instanceof ProbeEnded)) throw error;
    profile.ended = error.message;
  } finally {
    line.close();
    profile.requests = line.requests;
    profile.closed = line.closed;
  }
  return profile;
}

async function run(line: ProbeLine, request: ProbeRequest, profile: ModbusProfile): Promise<void> {
  const { tables, from, to, progress } = request;
  profile.unit = await findUnit(line, request, profile);
  const { unit } = profile;
  if (unit === null) return;
  for (const table of tables) {
    progress(`unit ${unit}: looking for ${table} ${from} to ${to}`);
    const map = emptyMap(table);
    profile.tables.push(map);
    await mapTable(line, unit, map, from, to);
  }
  progress('measuring how long answers take');
  await measure(line, unit, profile);
  progress('reading values a few times');
  await readValues(line, unit, profile);
}

/** The first unit that answers. The others are tried as well when none was asked for, for what they do. */
async function findUnit(line: ProbeLine, request: ProbeRequest, profile: ModbusProfile): Promise<number | null> {
  const { unit, tables, from, progress } = request;
  let answers: number | null = null;
  for (const one of unit === null ? UNITS : [unit, ...[0, 255].filter((other) => other !== unit)]) {
    progress(`asking unit ${one}`);
    let said: string | null = null;
    for (const table of tables) {
      const answer = await line.read(one, table, from, 1);
      said = inWords(answer);
      if (!isThere(answer)) break;
      // Where the first table is unknown another one may not be.
      if (!('exception' in answer && answer.exception === 1)) break;
    }
    profile.units.set(one, said ?? '');
    const there = said !== null && !/^(silence|exception 1[01]|wrong)/.test(said);
    if (there && answers === null && (unit === null || one === unit)) {
      answers = one;
      profile.unit = one;
    }
    // Each silence costs a whole timeout: three say enough.
    if (answers !== null && profile.units.size >= 3) break;
  }
  return answers;
}

function isThere(answer: ProbeAnswer): boolean {
  return 'bytes' in answer || ('exception' in answer && answer.exception !== 10 && answer.exception !== 11);
}

function inWords(answer: ProbeAnswer): string {
  if ('bytes' in answer) return 'answers';
  if ('exception' in answer) return `exception ${answer.exception}`;
  return 'silent' in answer ? 'silence' : `wrong answer (${answer.wrong})`;
}

async function measure(line: ProbeLine, unit: number, profile: ModbusProfile): Promise<void> {
  const runs = profile.tables.flatMap(({ table, runs }) => runs.map((one) => ({ table, ...one })));
  const longest = runs.sort((a, b) => b.last - b.first - (a.last - a.first))[0];
  if (!longest) return;
  for (let i = 0; i < LATENCY_READS; i++) {
    const answer = await line.read(unit, longest.table, longest.first, longest.last - longest.first + 1);
    if ('bytes' in answer) profile.latency.push(answer.ms);
    profile.latency.sort((a, b) => a - b);
  }
}

async function readValues(line: ProbeLine, unit: number, profile: ModbusProfile): Promise<void> {
  let left = READINGS;
  for (const { table, runs, tooLong } of profile.tables) {
    if (isBitTable(table)) continue;
    const most = (tooLong ?? mostOf(table) + 1) - 1;
    for (const run of joined(runs)) {
      // A few blocks behind each other that no value lies across: there is none to tell where one begins.
      for (let first = run.first; first <= run.last && left > 0; first += most) {
        const count = Math.min(most, run.last - first + 1, left);
        left -= count;
        const snapshots = await snapshotsOf(line, unit, table, first, count);
        if (snapshots.length > 0) profile.readings.push(...readingsOf(snapshots, table, first));
      }
    }
  }
}

async function snapshotsOf(
  line: ProbeLine,
  unit: number,
  table: Table,
  first: number,
  count: number,
): Promise<Buffer[]> {
  const snapshots: Buffer[] = [];
  for (let i = 0; i < SNAPSHOTS; i++) {
    if (i > 0) await new Promise((resolve) => setTimeout(resolve, SNAPSHOT_PAUSE_MS));
    const answer = await line.read(unit, table, first, count);
    if ('bytes' in answer) snapshots.push(answer.bytes);
  }
  return snapshots;
}

function readingsOf(snapshots: Buffer[], table: Table, first: number): Reading[] {
  const tags = new Map(likelyTags(snapshots).map((tag) => [tag.register, tag]));
  return Array.from({ length: snapshots[0]!.length / 2 }, (_, register) => ({
    table,
    address: first + register,
    candidates: candidatesAt(snapshots, register),
    tag: tags.get(register) ?? null,
  }));
}
