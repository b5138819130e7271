/** alarms.json: what the alarms must know after a restart. Replaced whole and durably, or set aside when damaged. */
import { readFile, rename } from 'node:fs/promises';
import type { AlarmEvent } from '@lineside/shared/contracts/alarm.ts';
import { writeDurably } from '@lineside/shared/disk/durable-file.ts';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { type Adapter, Low } from 'lowdb';
import type { Occurrence } from './alarm-rule.ts';
import type { DeviceOccurrence } from './device-alarm.ts';

export interface AlarmFile {
  /** By rule id. The device is for the day when the rule is gone. */
  occurrences: Record<string, Occurrence & { device: string }>;
  /** Alarms that live in devices; absent in the file of an earlier version. */
  inDevices?: DeviceOccurrence[];
  outbox: AlarmEvent[];
  /** Newest last, for the local page. */
  recent: AlarmEvent[];
}

/** Reads the file; one that is damaged is renamed and an empty one takes its place. */
export async function openAlarmFile(path: string, log: Logger): Promise<Low<AlarmFile>> {
  const file = new Low<AlarmFile>(new DurableJson(path), { occurrences: {}, outbox: [], recent: [] });
  try {
    await file.read();
    if (!isAlarmFile(file.data)) throw new Error('this is no list of alarms');
  } catch (error) {
    const aside = `${path}.damaged`;
    await rename(path, aside);
    log.error({ path: aside, error: messageOf(error) }, 'alarms.json damaged and set aside; alarms begin anew');
    file.data = { occurrences: {}, outbox: [], recent: [] };
  }
  return file;
}

class DurableJson implements Adapter<AlarmFile> {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  async read(): Promise<AlarmFile | null> {
    try {
      return JSON.parse(await readFile(this.#path, 'utf8')) as AlarmFile;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  }

  write(data: AlarmFile): Promise<void> {
    return writeDurably(this.#path, JSON.stringify(data));
  }
}

/** Deep enough that nothing behind it stumbles: an event without its occurrence would stop every batch. */
function isAlarmFile(data: AlarmFile): boolean {
  const { occurrences, inDevices = [], outbox, recent } = data ?? {};
  return (
    typeof occurrences === 'object' &&
    occurrences !== null &&
    Object.values(occurrences).every((entry) => [entry?.id, entry?.state, entry?.device].every(isText)) &&
    Array.isArray(inDevices) &&
    inDevices.every((entry) => [entry?.id, entry?.state, entry?.device, entry?.key].every(isText)) &&
    [outbox, recent].every((events) => Array.isArray(events) && events.every((event) => isText(event?.occurrence)))
  );
}

function isText(value: unknown): boolean {
  return typeof value === 'string';
}
