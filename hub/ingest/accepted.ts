/** Records that are taken and not committed yet, and what of them is committed together. */
import type { AlarmEvent } from '@lineside/shared/contracts/alarm.ts';
import type { AnyEvent } from '@lineside/shared/contracts/event.ts';
import type { RecordId, SampleColumns } from '../store/timeseries/time-series.ts';
import type { CommittedRun } from './ledger.ts';
import { epochKey } from './waiting-records.ts';

export interface Accepted {
  id: RecordId;
  term: number;
  samples: SampleColumns;
  alarms: AlarmEvent[];
  events: AnyEvent[];
  gap: Gap | null;
}

/** Records that will not come, and when what is next to them was received. */
interface Gap {
  from: number;
  to: number;
  fromAt: number | null;
  toAt: number | null;
}

/** What is told to the ledger of several records, and these. */
export interface Run {
  run: CommittedRun;
  records: Accepted[];
}

/** The group's records by gateway and epoch, in order. */
export function runsOf(group: Accepted[]): Run[] {
  const runs = new Map<string, Run>();
  for (const record of group) {
    const { id, term, samples, alarms, events, gap } = record;
    const key = `${epochKey(id.gateway, id.epoch)} ${record.term}`;
    let entry = runs.get(key);
    if (!entry) {
      const run = {
        ...{ gateway: id.gateway, epoch: id.epoch, term, seq: 0 },
        samples: 0,
        gaps: [],
        alarms: [],
        events: [],
      };
      entry = { run, records: [] };
      runs.set(key, entry);
    }
    const { run } = entry;
    run.seq = id.seq;
    run.samples += samples.tags.length;
    run.alarms.push(...alarms);
    for (const [place, event] of events.entries()) run.events.push({ seq: id.seq, place, event });
    if (gap) run.gaps.push({ ...gap, cause: 'no longer on the gateway’s disk: dropped or damaged there' });
    entry.records.push(record);
  }
  return [...runs.values()];
}
