/** The samples of one signal of a machine in one shift, as far as they are known. */
import type { StoredSample } from '../store/timeseries/time-series.ts';

/** Most samples that are kept until the next look; whoever tells more is read from the store. */
const MOST_TOLD = 10_000;

export class SignalRecord {
  readonly samples: StoredSample[] = [];
  /** Where the next look begins; undefined before the first. */
  next: number | undefined;
  /** Whether of equal samples in a row only the first and the last are worth keeping: not for heartbeats. */
  readonly #thins: boolean;
  /** Time of the sample that tells what was true when the shift began: older ones change nothing. */
  #before = Number.NEGATIVE_INFINITY;
  /** By time: what is stored and not among the samples yet; null while the store is to be asked for that. */
  #told: StoredSample[] | null = null;
  /** The store is being asked, and may or may not have seen what is told meanwhile. */
  #reading = false;

  constructor(thins: boolean) {
    this.#thins = thins;
  }

  /** It is in the store. @returns false when it belongs before what is known, and is not among that */
  tell(sample: StoredSample): boolean {
    if (this.next !== undefined && sample.at < this.next) return this.#knows(sample);
    if (!this.#told) return true;
    this.#add(this.#told, sample);
    if (this.#told.length <= MOST_TOLD) return true;
    this.#told = null;
    return !this.#reading;
  }

  /** The store is about to be asked: from here on what is told may be missing in its answer. */
  listen(): void {
    this.#told = [];
    this.#reading = true;
  }

  /**
   * What the store has from `from` on.
   *
   * @param to what is not older is not to be looked at yet
   * @param goesOn whether whatever is stored from now on is told, so that the store need not be asked again
   * @returns false when something that was told meanwhile is missing before what was found
   */
  keep(found: readonly StoredSample[], from: number, to: number, goesOn: boolean): boolean {
    const [first] = found;
    if (this.next === undefined && first && first.at < from) this.#before = first.at;
    const ahead: StoredSample[] = [];
    for (const sample of found) this.#add(sample.at < to ? this.samples : ahead, sample);
    this.next = Math.max(from, (this.samples.at(-1)?.at ?? 0) + 1);
    const told = this.#told;
    this.#told = goesOn && told && ahead.length <= MOST_TOLD ? ahead : null;
    this.#reading = false;
    let complete = true;
    for (const sample of told ?? []) if (!this.tell(sample)) complete = false;
    this.follow(to);
    return complete;
  }

  /** Goes on with what was told, as far as it is older than `to`. @returns whether that is all there is */
  follow(to: number): boolean {
    const told = this.#told;
    if (!told || this.next === undefined) return false;
    let taken = 0;
    while (taken < told.length && told[taken]!.at < to) this.#add(this.samples, told[taken++]!);
    if (taken > 0) this.next = told[taken - 1]!.at + 1;
    told.splice(0, taken);
    return true;
  }

  /** Of those before `next`: whether it changes nothing, as it is here, stands between two of its kind, or is too old. */
  #knows(sample: StoredSample): boolean {
    const { samples } = this;
    if (sample.at < this.#before) return true;
    let place = lastUntil(samples, sample.at);
    if (this.#thins && same(samples[place], sample) && same(samples[place + 1], sample)) return true;
    for (; samples[place]?.at === sample.at; place--) if (same(samples[place], sample)) return true;
    return false;
  }

  /** Behind all of its time: it is the one that came last. */
  #add(samples: StoredSample[], sample: StoredSample): void {
    const last = samples.at(-1);
    if (last && last.at > sample.at) samples.splice(lastUntil(samples, sample.at) + 1, 0, sample);
    else if (this.#thins && same(last, sample) && same(samples.at(-2), sample)) samples[samples.length - 1] = sample;
    else samples.push(sample);
  }
}

function same(a: StoredSample | undefined, b: StoredSample): boolean {
  return a !== undefined && Object.is(a.value, b.value) && a.quality === b.quality;
}

/** Index of the last sample that is not newer than a time; -1 when there is none. */
function lastUntil(samples: readonly StoredSample[], at: number): number {
  let [low, high] = [0, samples.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (samples[middle]!.at <= at) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
