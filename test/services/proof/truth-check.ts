/**
 * Compares what the gateway made durable with what the plant served. Both ways: each buffered sample is a value
 * that was served, in order; and each served value is buffered, was held back by a deadband, or falls into a time in
 * which a program or the device's connection was down.
 */
import type { Outage } from '../plant-run.ts';
import type { BufferContent, BufferedSample } from './buffer-content.ts';
import type { Served, TruthTag } from './truth.ts';
import { type DeviceTimes, deviceTimes, within } from './windows.ts';

export interface TruthFigures {
  /** Values that the plant served, of the configured tags. */
  served: number;
  /** Of them in the buffer. */
  buffered: number;
  /** Of them held back by a deadband. */
  unchanged: number;
  /** Of them not in the buffer, in the times around kills and cuts. */
  excused: number;
  /** Of them not in the buffer although nothing was wrong. */
  missing: number;
  /** Samples in the buffer that say again what holds after an outage, or that a device does not answer. */
  retold: number;
  /** Samples in the buffer that nothing explains. */
  unexplained: number;
}

/** A buffered sample is this much younger than what was served at most, and a retold one than its receipt. */
const LATENCY_MS = 2_000;
/** The gateway's word that a device is down comes so close to the Bad samples that it causes. */
const DOWN_MS = 2_000;

interface Walk {
  tag: TruthTag;
  times: DeviceTimes;
  samples: BufferedSample[];
  /** When the gateway was killed or stopped, or the device's network was cut. */
  ends: number[];
  /** By index in `tag.served`. */
  matched: Set<number>;
  figures: TruthFigures;
  problems: string[];
}

/** The first few problems of each tag are told in `problems`. */
export function checkTruth(
  truth: TruthTag[],
  buffer: BufferContent,
  outages: Outage[],
  problems: string[],
): TruthFigures {
  const figures = { served: 0, buffered: 0, unchanged: 0, excused: 0, missing: 0, retold: 0, unexplained: 0 };
  const byDevice = new Map<string, DeviceTimes>();
  for (const tag of truth) {
    let times = byDevice.get(tag.device);
    if (!times) {
      times = deviceTimes(tag.device, buffer, outages);
      byDevice.set(tag.device, times);
    }
    const samples = buffer.tags.get(tag.key) ?? [];
    const ends = outages.filter(({ program }) => endsLife(program, tag.device)).map(({ from }) => from);
    const walk: Walk = { tag, times, samples, ends, matched: new Set(), figures, problems: [] };
    figures.served += tag.served.length;
    if (tag.kind === 'opcua') explainSubscribed(walk);
    else explainPolled(walk);
    figures.buffered += walk.matched.size;
    findMissing(walk);
    problems.push(...walk.problems.slice(0, 3));
  }
  return figures;
}

function endsLife(program: Outage['program'], device: string): boolean {
  return program === 'gateway' || (typeof program === 'object' && program.device === device);
}

function unexplained({ tag, figures, problems }: Walk, sample: BufferedSample, why: string): void {
  figures.unexplained++;
  problems.push(`${tag.key}: ${JSON.stringify(sample)} ${why}`);
}

/** A Bad sample of the gateway's own: the device did not answer. */
function explainOwnBad(walk: Walk, sample: BufferedSample): void {
  const near = walk.times.downs.some((down) => Math.abs(down - sample.receivedAt) < DOWN_MS);
  if (near) walk.figures.retold++;
  else unexplained(walk, sample, 'is Bad although the device answered');
}

function newLife({ ends }: Walk, before: BufferedSample | undefined, sample: BufferedSample): boolean {
  return !before || ends.some((end) => before.receivedAt < end && end <= sample.receivedAt);
}

/** Changes of a node come with the server's own time, exactly. */
function explainSubscribed(walk: Walk): void {
  const { tag, samples, matched, figures } = walk;
  const indexAt = new Map(tag.served.map(({ at }, index) => [at, index]));
  let last = -1;
  let before: BufferedSample | undefined;
  /** Since when the present value may be told once more; undefined when it may not. */
  let resumedAt: number | undefined;
  for (const sample of samples) {
    if (before && newLife(walk, before, sample)) resumedAt = before.receivedAt;
    before = sample;
    const index = indexAt.get(sample.at);
    const exact = index !== undefined && same(sample, tag.served[index]!);
    if (exact && index > last) {
      last = index;
      matched.add(index);
      if (resumedAt !== undefined && sample.at > resumedAt) resumedAt = undefined;
    } else if (sample.value === null && index === undefined) {
      explainOwnBad(walk, sample);
      resumedAt = sample.at;
    } else if (resumedAt !== undefined && ((exact && index === last) || holdsAt(tag.served, sample))) {
      figures.retold++;
      resumedAt = undefined;
    } else unexplained(walk, sample, exact ? 'comes twice or out of order' : 'was never served');
  }
}

/** A value that has not changed over an outage is told with the time at which it was heard again. */
function holdsAt(served: Served[], sample: BufferedSample): boolean {
  if (Math.abs(sample.at - sample.receivedAt) > LATENCY_MS) return false;
  const newest = lastUpTo(served, sample.at);
  for (let i = newest; i >= 0; i--) {
    if (same(sample, served[i]!)) return true;
    if (served[i]!.at < sample.at - LATENCY_MS) return false;
  }
  return false;
}

/**
 * A poll is asked for when the one before it has its answer, so a sample belongs to the newest read that was served
 * before it.
 */
function explainPolled(walk: Walk): void {
  const { tag, samples, matched } = walk;
  let last = -1;
  let before: BufferedSample | undefined;
  for (const sample of samples) {
    const fresh = newLife(walk, before, sample) || before?.value === null;
    const kept = before?.value;
    before = sample;
    if (sample.value === null) {
      explainOwnBad(walk, sample);
      continue;
    }
    // The two clocks are one, but each is cut to whole milliseconds.
    const index = lastUpTo(tag.served, sample.at + 1);
    const read = tag.served[index];
    if (!read || sample.at - read.at > LATENCY_MS) unexplained(walk, sample, 'was read when nothing was served');
    else if (!same(sample, read)) unexplained(walk, sample, `was served as ${JSON.stringify(read)}`);
    else if (index <= last) unexplained(walk, sample, 'comes twice');
    else if (!fresh && tag.deadband !== undefined && !changed(kept, sample.value, tag.deadband)) {
      unexplained(walk, sample, `has changed too little since ${kept}`);
    } else {
      last = index;
      matched.add(index);
    }
  }
}

function findMissing(walk: Walk): void {
  const { tag, times, matched, figures, problems } = walk;
  let kept: Served | undefined;
  tag.served.forEach((served, index) => {
    if (matched.has(index)) kept = served;
    else if (within(served.at, times.excused)) figures.excused++;
    else if (tag.deadband !== undefined && kept && !changed(kept.value, served.value, tag.deadband))
      figures.unchanged++;
    else {
      figures.missing++;
      problems.push(`${tag.key}: ${JSON.stringify(served)} was served and is not in the buffer`);
    }
  });
}

function same(sample: BufferedSample, served: Served): boolean {
  return Object.is(sample.value, served.value) && sample.quality === served.quality;
}

function changed(kept: unknown, value: unknown, deadband: number): boolean {
  if (typeof kept !== 'number' || typeof value !== 'number') return !Object.is(kept, value);
  return Math.abs(value - kept) > deadband;
}

/** Index of the newest with a time of at most `at`; -1 when there is none. */
function lastUpTo(served: Served[], at: number): number {
  let low = 0;
  let high = served.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (served[middle]!.at <= at) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
