/**
 * Records that are accepted and not committed yet, in the order of each epoch. When not all of them can go at once, each
 * epoch has its turn: one that catches up, with a window full of records, does not hold up those that send one now and
 * then.
 */
import type { RecordId, SampleColumns } from '../store/timeseries/time-series.ts';

interface Waiting {
  id: RecordId;
  samples: SampleColumns;
  alarms: readonly unknown[];
  events: readonly unknown[];
}

export class WaitingRecords<R extends Waiting> {
  /** By epoch. Those that had their turn last stand behind the others. */
  readonly #lanes = new Map<string, R[]>();
  #records = 0;
  #samples = 0;
  #urgent = 0;

  get empty(): boolean {
    return this.#records === 0;
  }

  get samples(): number {
    return this.#samples;
  }

  /** Whether somebody waits for one of them: it has an alarm or an event. */
  get urgent(): boolean {
    return this.#urgent > 0;
  }

  has(gateways: ReadonlySet<string>): boolean {
    return [...this.#lanes.values()].some((lane) => gateways.has(lane[0]!.id.gateway));
  }

  hasEpoch(gateway: string, epoch: string): boolean {
    return this.#lanes.has(epochKey(gateway, epoch));
  }

  /** @returns how many of its epoch wait now */
  push(record: R): number {
    const key = keyOf(record);
    let lane = this.#lanes.get(key);
    if (!lane) {
      lane = [];
      this.#lanes.set(key, lane);
    }
    lane.push(record);
    this.#count(record, 1);
    return lane.length;
  }

  /**
   * What is to be committed together: of each epoch the first, then of each the second, and so on. They go on waiting
   * until they are removed.
   *
   * @param most samples, but one record at least
   */
  group(most: number): R[] {
    const group: R[] = [];
    const served = new Set<string>();
    let samples = 0;
    let lanes = [...this.#lanes];
    for (let round = 0; lanes.length > 0; round++) {
      lanes = lanes.filter(([, lane]) => round < lane.length);
      for (const [key, lane] of lanes) {
        const record = lane[round]!;
        samples += record.samples.tags.length;
        if (group.length > 0 && samples > most) {
          lanes = [];
          break;
        }
        group.push(record);
        served.add(key);
      }
    }
    for (const key of served) {
      const lane = this.#lanes.get(key)!;
      this.#lanes.delete(key);
      this.#lanes.set(key, lane);
    }
    return group;
  }

  /** They are committed, or are not ours to commit any more. */
  remove(records: readonly R[]): void {
    const gone = new Set(records);
    for (const key of new Set(records.map(keyOf))) this.#keep(key, (record) => !gone.has(record));
  }

  removeGateways(gateways: ReadonlySet<string>): void {
    for (const key of [...this.#lanes.keys()]) this.#keep(key, ({ id }) => !gateways.has(id.gateway));
  }

  #keep(key: string, stays: (record: R) => boolean): void {
    const lane = this.#lanes.get(key) ?? [];
    const left = lane.filter(stays);
    for (const record of lane) if (!stays(record)) this.#count(record, -1);
    if (left.length > 0) this.#lanes.set(key, left);
    else this.#lanes.delete(key);
  }

  #count({ samples, alarms, events }: R, by: 1 | -1): void {
    this.#records += by;
    this.#samples += by * samples.tags.length;
    if (alarms.length > 0 || events.length > 0) this.#urgent += by;
  }
}

function keyOf({ id }: Waiting): string {
  return epochKey(id.gateway, id.epoch);
}

/** Names an epoch of a gateway. */
export function epochKey(gateway: string, epoch: string): string {
  return `${gateway} ${epoch}`;
}
