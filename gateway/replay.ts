/**
 * A recording of one device through the same stages as its live data: driver → scale → alarms → deadband. Models and
 * the buffer are left out, and nothing is sent.
 */
import type { AlarmEvent } from '@lineside/shared/contracts/alarm.ts';
import type { Frame, Value } from '@lineside/shared/contracts/frame.ts';
import type { DeviceStatus } from '@lineside/shared/contracts/link.ts';
import { isGood, qualityName } from '@lineside/shared/contracts/quality.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { AlarmRule } from './alarms/alarm-rule.ts';
import { DeviceAlarms } from './alarms/device-alarms.ts';
import type { DeviceEntry, LoadedConfig } from './config/load-config.ts';
import type { Recording } from './drivers/recording/recording.ts';
import { VirtualClock } from './drivers/recording/virtual-clock.ts';
import { drivers } from './drivers/registry.ts';
import { alarmingDevices } from './tag-layout.ts';
import { Conditioner } from './tags/conditioner.ts';

/** How often the delays of alarms are looked at, as in the alarm stage, milliseconds. */
const ALARM_TICK_MS = 200;

/** Time behind the last entry, for what it was the cause of, milliseconds. */
const SLACK_MS = 5;

/** One line of the output. Times are those of the recording, milliseconds since 1970 UTC. */
export type ReplayLine =
  | {
      kind: 'frame';
      device: string;
      receivedAt: number;
      tags: string[];
      sourceAt: number[];
      values: Value[];
      /** By name, such as BadTimeout. */
      quality: string[];
    }
  | { kind: 'state'; device: string; at: number; state: DeviceStatus['state']; reason: string }
  | ({ kind: 'alarm' } & Pick<AlarmEvent, 'rule' | 'device' | 'transition' | 'state' | 'at' | 'message' | 'value'>);

export interface ReplayOptions {
  config: LoadedConfig;
  recording: Recording;
  /** Device of the configuration that is to work on it; without it the recorded one. */
  device?: string | undefined;
  /** Recorded seconds in one real second; infinite: as fast as can be. */
  speed: number;
  log: Logger;
  write(line: ReplayLine): void | Promise<void>;
  signal?: AbortSignal;
}

export interface ReplaySummary {
  device: string;
  entries: number;
  damaged: number;
  /** Of the recording that was played, seconds. */
  seconds: number;
  frames: number;
  samples: number;
  /** Samples that are not Good. */
  notGood: number;
  alarms: number;
  /** What of the recording and the configuration does not fit together. */
  notes: string[];
}

/** @throws LinesideError REPLAY_DEVICE when the configuration has no such device. */
export async function replay(options: ReplayOptions): Promise<ReplaySummary> {
  const { config, recording, speed, log, write, signal } = options;
  const { header, entries } = recording;
  const entry = deviceOf(config, options.device ?? header.device, header.driver);
  const first = Math.min(header.t, entries[0]?.t ?? header.t);
  const last = entries.reduce((end, one) => Math.max(end, one.t + (typeof one.ms === 'number' ? one.ms : 0)), first);
  const clock = new VirtualClock(first);
  const now = () => Math.round(header.at + clock.monotonic() - header.t);
  const summary: ReplaySummary = {
    device: entry.id,
    entries: entries.length,
    damaged: recording.damaged,
    seconds: 0,
    frames: 0,
    samples: 0,
    notGood: 0,
    alarms: 0,
    notes: [],
  };
  const lines: ReplayLine[] = [];
  const tags = entry.tags.map(({ name, settings }, i) => ({ id: i + 1, name, settings: settings as never }));
  const conditioner = new Conditioner();
  entry.tags.forEach((tag, i) => {
    conditioner.add(entry.id, i + 1, tag);
  });
  const rules = rulesOf(config, entry);

  let conditions = 0;
  const inDevice = new DeviceAlarms(
    () => `${entry.id}-${++conditions}`,
    (words) => log.warn(words),
  );

  const tellEvents = (events: AlarmEvent[]) => {
    for (const { rule, device, transition, state, at, message, value } of events) {
      summary.alarms++;
      lines.push({ kind: 'alarm', rule, device, transition, state, at, message, value });
    }
  };
  const tellAlarms = () => tellEvents([...rules.flatMap((rule) => rule.tick(now()) ?? []), ...inDevice.tick(now())]);
  const take = (raw: Frame) => {
    const frame = conditioner.scale(raw);
    for (const rule of frame.historical ? [] : rules) {
      frame.tags.forEach((tag, i) => {
        if (tag !== rule.tag.id) return;
        rule.observe(frame.values[i]!, frame.quality[i]!, now());
        tellAlarms();
      });
    }
    const kept = frame.historical ? frame : conditioner.filter(frame);
    if (kept.tags.length === 0) return;
    summary.frames++;
    summary.samples += kept.tags.length;
    summary.notGood += kept.quality.filter((quality) => !isGood(quality)).length;
    lines.push({
      kind: 'frame',
      device: kept.device,
      receivedAt: kept.receivedAt,
      tags: kept.tags.map((id) => entry.tags[id - 1]!.name),
      sourceAt: kept.sourceAt,
      values: kept.values,
      quality: kept.quality.map(qualityName),
      ...(kept.historical ? { historical: true } : {}),
    });
  };
  const driver = drivers[entry.driver]!.replay(
    entry.settings as never,
    tags,
    {
      onFrame: take,
      onConditions: (news) => tellEvents(inDevice.take(news, now())),
      onStatus: ({ device, state, reason }) => {
        // The pauses between attempts are not those of then.
        lines.push({ kind: 'state', device, at: now(), state, reason: reason.replace(/; retrying .*$/, '') });
      },
      log,
      now,
      dataDir: config.resolvePath(config.dataDir),
      resolvePath: (path) => config.resolvePath(path),
    },
    {
      entries,
      clock,
      note: (text) => {
        if (!summary.notes.includes(text)) summary.notes.push(text);
      },
    },
  );
  const tick = () => {
    tellAlarms();
    clock.setTimeout(tick, ALARM_TICK_MS);
  };
  if (rules.length > 0 || alarmingDevices(config).has(entry.id)) clock.setTimeout(tick, ALARM_TICK_MS);
  driver.start();
  const startedAt = performance.now();
  while (clock.next !== null && clock.next <= last + SLACK_MS && !signal?.aborted) {
    const wait = (clock.next - first) / speed - (performance.now() - startedAt);
    if (wait > 1) await sleep(wait, signal);
    if (signal?.aborted) break;
    clock.step();
    // What a stage does in a turn of its own must be done before time goes on.
    await Promise.resolve();
    for (const line of lines.splice(0)) await write(line);
  }
  await driver.stop();
  summary.seconds = Math.round(clock.monotonic() - first) / 1000;
  return summary;
}

function deviceOf(config: LoadedConfig, id: string, driver: string): DeviceEntry {
  const found = config.devices.find((device) => device.id === id);
  if (!found) {
    const known = config.devices.map((device) => device.id).join(', ');
    throw new LinesideError(
      'REPLAY_DEVICE',
      'config',
      `the configuration has no device "${id}"; say which one shall work on the recording, with --device and one of ${known}`,
    );
  }
  if (found.driver === driver) return found;
  throw new LinesideError(
    'REPLAY_DEVICE',
    'config',
    `the recording is of a device with driver ${driver}, and "${id}" has driver ${found.driver}; give another --device`,
  );
}

function rulesOf(config: LoadedConfig, { id, tags }: DeviceEntry): AlarmRule[] {
  return config.alarms.flatMap((alarm) => {
    const at = tags.findIndex(({ name }) => alarm.tag === `${id}/${name}`);
    if (at < 0) return [];
    let count = 0;
    const tag = { id: at + 1, device: id, unit: tags[at]!.unit };
    return new AlarmRule(alarm, tag, () => `${alarm.id}-${++count}`);
  });
}

function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done);
  });
}
