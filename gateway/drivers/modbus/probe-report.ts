/** What a probe has found: a table for people, and a device to paste into the configuration. */
import { isBitTable, type Table } from './address.ts';
import { type ConnectionSettings, endpointOf } from './connection-config.ts';
import type { ModbusProfile, Reading } from './probe.ts';
import { joined, type Run, type TableMap } from './probe-map.ts';
import type { Candidate } from './probe-values.ts';

/** Readings shown of one register. */
const SHOWN = 3;

/** Suggested tags; more is no suggestion any more. */
const MOST_TAGS = 100;

/** As many as a device may have. */
const MOST_RANGES = 1000;

/** Lines of text. */
export function probeTable(profile: ModbusProfile, connection: ConnectionSettings): string[] {
  const { units, unit, tables, latency, readings, requests, closed, ended } = profile;
  const lines = [`${endpointOf(connection)}: ${requests} requests`];
  for (const [one, said] of units) lines.push(`  unit ${String(one).padEnd(3)}  ${said}`);
  if (unit === null) lines.push('  no unit answers: is the address right, and is --unit that of the device?');
  if (closed > 0) lines.push(`  the device closed the connection ${closed} times`);
  for (const map of tables) lines.push(...tableLines(map));
  if (latency.length > 0) {
    const [p50, p99, most] = [share(latency, 0.5), share(latency, 0.99), latency.at(-1)!];
    lines.push(`  latency    p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, most ${most.toFixed(1)} ms`);
  }
  if (readings.length > 0) lines.push('', '  register          likeliest first (x = suggested)');
  for (const reading of readings) {
    const mark = reading.tag ? 'x' : ' ';
    const shown = reading.candidates.slice(0, SHOWN).map((one) => `${named(one)} ${figure(one.values.at(-1)!)}`);
    lines.push(`${mark} ${`${reading.table}:${reading.address}`.padEnd(18)}${shown.join('   ')}`);
  }
  if (ended) lines.push('', `  ended before everything was tried: ${ended}`);
  return lines;
}

function tableLines(map: TableMap): string[] {
  const { table, runs, refused, tooLong, longest, gapsTolerated, gapsRefused, lookedUpTo } = map;
  if (lookedUpTo < 0) return [`  ${table.padEnd(9)}  not looked at`];
  const lines = [
    `  ${table.padEnd(9)}  ${runs.length > 0 ? `${ranges(joined(runs))} can be read` : 'nothing can be read'}`,
  ];
  for (const [why, where] of refused) {
    lines.push(`${' '.repeat(13)}${why === 0 ? 'no right answer' : `exception ${why}`}: ${ranges(where)}`);
  }
  if (runs.length > 0) {
    const limit = tooLong === null ? 'no limit met' : `${tooLong} is refused`;
    lines.push(`${' '.repeat(13)}longest read ${longest}; ${limit}`);
  }
  for (const gap of gapsTolerated) lines.push(`${' '.repeat(13)}reads across a gap of ${gap}`);
  if (gapsRefused.length > 0) lines.push(`${' '.repeat(13)}does not read across ${ranges(gapsRefused)}`);
  return lines;
}

/** A device of the configuration; null when none answered. */
export function probeYaml(profile: ModbusProfile, connection: ConnectionSettings, at: Date): string | null {
  const { unit, tables, latency } = profile;
  if (unit === null) return null;
  const where = endpointOf(connection);
  const id = `unit-${unit}-${where.toLowerCase().replace(/[^a-z0-9]+/g, '-')}`.replace(/^-+|-+$/g, '').slice(0, 63);
  const lines = [
    `# Measured by gateway probe on ${at.toISOString().slice(0, 10)}. Names and units are yours to give, and which type is right.`,
    'devices:',
    `  - id: ${id.replace(/-+$/, '')}`,
    '    driver: modbus',
    ...connectionLines(connection),
    `    unitId: ${unit}`,
    '    pollMs: 1000',
    `    timeoutMs: ${timeoutFor(latency, connection)}`,
  ];
  if (latency.length > 0) lines.push(`    answerMs: ${Math.max(1, Math.ceil(share(latency, 0.5)))}`);
  const block = maxBlock(tables);
  if (block !== null) lines.push(`    maxBlock: ${block}`);
  const gap = maxGap(tables);
  if (gap !== null) lines.push(`    maxGap: ${gap}`);
  const forbidden = tables.flatMap((map) =>
    holes(map).map(({ first, last }) => JSON.stringify(`${map.table}:${first}${last > first ? `-${last}` : ''}`)),
  );
  if (forbidden.length > 0) lines.push(`    forbidden: [${forbidden.slice(0, MOST_RANGES).join(', ')}]`);
  const tags = [...registerTags(profile.readings), ...bitTags(tables)].slice(0, MOST_TAGS);
  lines.push(tags.length > 0 ? '    tags:' : '    tags: []', ...tags);
  return `${lines.join('\n')}\n`;
}

function connectionLines({ transport, host, port, serial, tls }: ConnectionSettings): string[] {
  const lines = transport === 'tcp' ? [] : [`    transport: ${transport}`];
  if (host !== undefined) lines.push(`    host: ${JSON.stringify(host)}`);
  if (port !== undefined) lines.push(`    port: ${port}`);
  if (serial) {
    const { path, baudRate, parity, stopBits } = serial;
    lines.push(
      `    serial: { path: ${JSON.stringify(path)}, baudRate: ${baudRate}, parity: ${parity}, stopBits: ${stopBits} }`,
    );
  }
  if (tls && Object.keys(tls).length > 0) lines.push(`    tls: ${JSON.stringify(tls)}`);
  return lines;
}

/** Ten times the slowest but one in a hundred, as devices are slower at their work; whole 50 ms. */
function timeoutFor(latency: number[], connection: ConnectionSettings): number {
  if (latency.length === 0) return connection.timeoutMs;
  const least = connection.transport === 'tcp' || connection.transport === 'tls' ? 250 : 300;
  return Math.min(60_000, Math.max(least, 50 * Math.ceil((10 * share(latency, 0.99)) / 50)));
}

/** In registers; null when no limit was met. */
function maxBlock(tables: TableMap[]): number | null {
  const limits = tables.flatMap(({ table, tooLong }) =>
    tooLong === null ? [] : [isBitTable(table) ? Math.max(1, Math.floor((tooLong - 1) / 16)) : tooLong - 1],
  );
  return limits.length > 0 ? Math.min(...limits) : null;
}

/** In registers; null when there was nothing to find it out from. */
function maxGap(tables: TableMap[]): number | null {
  const registers = tables.filter(({ table }) => !isBitTable(table));
  if (registers.some(({ gapsRefused }) => gapsRefused.length > 0)) return 0;
  const tolerated = registers.flatMap(({ gapsTolerated }) => gapsTolerated);
  return tolerated.length > 0 ? Math.min(124, Math.max(...tolerated)) : null;
}

/** What was refused between what can be read: only there can a request run across it. */
function holes({ runs, refused, gapsTolerated }: TableMap): Run[] {
  if (runs.length === 0 || gapsTolerated.length > 0) return [];
  const [first, last] = [runs[0]!.first, runs.at(-1)!.last];
  return joined(
    [...refused.values()]
      .flat()
      .filter((hole) => hole.first > first && hole.last < last)
      .sort((a, b) => a.first - b.first),
  );
}

function registerTags(readings: Reading[]): string[] {
  return readings.flatMap(({ table, address, tag }) => {
    if (!tag) return [];
    return `      ${tagLine(table, address, tag)} # read ${figure(tag.values.at(-1)!)}`;
  });
}

/** An entry for `tags:`. */
export function tagLine(table: Table, address: number, { type, wordOrder }: Pick<Candidate, 'type' | 'wordOrder'>) {
  const order = wordOrder === 'ABCD' ? '' : `, wordOrder: ${wordOrder}`;
  return `- { name: ${table}${address}, address: "${table}:${address}", type: ${type}${order} }`;
}

/** The same for a coil or discrete input. */
export function bitTagLine(table: Table, address: number): string {
  return `- { name: ${table}${address}, address: "${table}:${address}", type: bool }`;
}

function bitTags(tables: TableMap[]): string[] {
  return tables
    .filter(({ table }) => isBitTable(table))
    .flatMap(({ table, runs }) =>
      joined(runs)
        .flatMap(({ first, last }) =>
          Array.from({ length: Math.min(last - first + 1, MOST_TAGS) }, (_, i) => first + i),
        )
        .map((address) => `      ${bitTagLine(table, address)}`),
    );
}

/** Type and order of the words. */
export function named({ type, wordOrder, width }: Candidate): string {
  return width === 1 && wordOrder === 'ABCD' ? type : `${type} ${wordOrder}`;
}

/** A value as it is shown. */
export function figure(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) >= 1e-3 && Math.abs(value) < 1e9 ? value.toPrecision(6) : value.toExponential(2);
}

function ranges(runs: readonly Run[]): string {
  const shown = runs.slice(0, 12).map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`));
  return `${shown.join(', ')}${runs.length > 12 ? ` and ${runs.length - 12} more` : ''}`;
}

function share(sorted: number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]!;
}
