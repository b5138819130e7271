/** Whether a bus can keep the periods of all devices on it, reckoned before anything is deployed. */
import type { CheckedDevice } from '../driver.ts';
import { isBitTable } from './address.ts';
import { type Bus, busTime, characterBits, readBytes } from './bus-time.ts';
import type { ModbusDevice, ModbusTag } from './config.ts';
import { endpointOf } from './connection-config.ts';
import { type DeviceTag, deviceTag } from './device-tag.ts';
import { limitsOf, type PlannedBlock, plan } from './plan.ts';

type Device = CheckedDevice<ModbusDevice, ModbusTag>;

/** What is read of one device at one period. */
export interface PeriodLoad {
  /** Position of the device in the list. */
  device: number;
  periodMs: number;
  blocks: PlannedBlock<DeviceTag>[];
  bus: Bus;
  /** Bus time of all its requests, milliseconds. */
  cycleMs: number;
}

/** From here on a bus is so full that a repeated request or a slow answer makes polls be missed. */
const FULL = 0.9;

/** As full as a bus should be made. */
const ROOM = 0.8;

/** The devices whose bus cannot keep their periods: one entry for each such bus, at the device that needs most of it. */
export function overloads(devices: Device[]): { device: number; field: string; message: string }[] {
  const buses = new Map<string, number[]>();
  devices.forEach(({ settings }, index) => {
    const key = endpointOf(settings).toLowerCase();
    buses.set(key, [...(buses.get(key) ?? []), index]);
  });
  return [...buses.values()].flatMap((members) => {
    const loads = members.flatMap((index) => loadsOf(devices[index]!, index, members.length > 1));
    const share = loads.reduce((sum, load) => sum + load.cycleMs / load.periodMs, 0);
    if (share <= FULL) return blocked(devices, loads);
    const heaviest = loads.reduce((most, load) => (shareOf(load) > shareOf(most) ? load : most));
    return [{ device: heaviest.device, field: 'pollMs', message: explain(devices, loads, heaviest, share) }];
  });
}

/** A request is not interrupted: a short period on a bus with room may still have to wait for a long one of another. */
function blocked(devices: Device[], loads: PeriodLoad[]): { device: number; field: string; message: string }[] {
  for (const load of [...loads].sort((a, b) => a.periodMs - b.periodMs)) {
    const others = loads.filter((other) => other !== load && other.periodMs > load.periodMs);
    const longest = others.reduce((most, other) => Math.max(most, longestMs(other)), 0);
    if (load.cycleMs + longest <= load.periodMs) continue;
    const culprit = others.find((other) => longestMs(other) === longest)!;
    const name = (one: PeriodLoad) => `"${devices[one.device]!.id}" every ${one.periodMs} ms`;
    const message = `${name(load)} takes ${ms(load.cycleMs)} and may have to wait ${ms(longest)} for the longest request of ${name(culprit)}: polls will be missed now and then. ${exampleOf(culprit)}. To mend it, lower maxBlock there, or raise the shorter period to ${tens(load.cycleMs + longest)} or more`;
    return [{ device: load.device, field: 'pollMs', message }];
  }
  return [];
}

function longestMs({ blocks, bus }: PeriodLoad): number {
  return Math.max(...blocks.map((block) => busTime(bytesOf(block, bus), bus).totalMs));
}

function tens(value: number): number {
  return Math.ceil(value / 10) * 10;
}

function shareOf(load: PeriodLoad): number {
  return load.cycleMs / load.periodMs;
}

/** What a device asks of its bus, one entry a period. `shared`: other devices are on the same bus. */
export function loadsOf({ settings, tags }: Device, device: number, shared: boolean): PeriodLoad[] {
  const bus: Bus = {
    serial: settings.transport === 'rtu' ? (settings.serial ?? null) : null,
    answerMs: settings.answerMs,
    pauseMs: Math.max(settings.requestDelayMs, shared ? settings.turnaroundMs : 0),
  };
  const periods = new Map<number, DeviceTag[]>();
  for (const tag of tags) {
    const period = tag.settings.pollMs ?? settings.pollMs;
    const placed = deviceTag({ id: 0, ...tag });
    const others = periods.get(period);
    if (others) others.push(placed);
    else periods.set(period, [placed]);
  }
  return [...periods].map(([periodMs, placed]) => {
    const blocks = plan(placed, limitsOf(settings));
    const cycleMs = blocks.reduce((sum, block) => sum + busTime(bytesOf(block, bus), bus).totalMs, 0);
    return { device, periodMs, blocks, bus, cycleMs };
  });
}

function bytesOf(block: PlannedBlock<DeviceTag>, bus: Bus): { bytesOut: number; bytesIn: number } {
  return readBytes(isBitTable(block.table) ? Math.ceil(block.count / 8) : 2 * block.count, bus.serial !== null);
}

/** The arithmetic in words, so that whoever reads it can check it and sees where the time goes. */
function explain(devices: Device[], loads: PeriodLoad[], heaviest: PeriodLoad, share: number): string {
  const endpoint = endpointOf(devices[heaviest.device]!.settings);
  const listed = [...loads].sort((a, b) => shareOf(b) - shareOf(a)).slice(0, 5);
  const parts = listed.map((load) => {
    const requests = load.blocks.length === 1 ? '1 request' : `${load.blocks.length} requests`;
    return `"${devices[load.device]!.id}" every ${load.periodMs} ms: ${requests}, ${ms(load.cycleMs)}`;
  });
  if (loads.length > listed.length) parts.push(`and ${loads.length - listed.length} more`);
  const percent = `${Math.ceil(100 * share)} %`;
  const verdict =
    share > 1
      ? `the periods on ${endpoint} cannot be kept: they need ${percent} of its time`
      : `the periods on ${endpoint} need ${percent} of its time, so that one repeated request makes polls be missed`;
  const remedy =
    loads.length === 1
      ? `raise pollMs to ${tens(heaviest.cycleMs / ROOM)} or more`
      : `make the periods ${(share / ROOM).toFixed(1)} times as long`;
  const faster = heaviest.bus.serial ? ', raise the baud rate' : ', lower answerMs when the device is faster';
  return `${verdict} (${parts.join('; ')}). ${exampleOf(heaviest)}. To mend it, ${remedy}${faster}, or read fewer registers`;
}

/** The longest request of a period, part by part. */
function exampleOf({ blocks, bus }: PeriodLoad): string {
  const size = (block: PlannedBlock<DeviceTag>) => bytesOf(block, bus).bytesIn;
  const longest = blocks.reduce((most, block) => (size(block) > size(most) ? block : most));
  const bytes = bytesOf(longest, bus);
  const time = busTime(bytes, bus);
  const what = `Its longest request (${longest.table}:${longest.offset}, ${longest.count} ${isBitTable(longest.table) ? 'bits' : 'registers'})`;
  if (!bus.serial) {
    const pause = time.pauseMs > 0 ? ` and ${ms(time.pauseMs)} of pause` : '';
    return `${what} takes ${ms(time.waitMs)} for the answer (answerMs)${pause}`;
  }
  const character = `${characterBits(bus.serial)} bits a character at ${bus.serial.baudRate} baud`;
  return `${what}: ${bytes.bytesOut} bytes out ${ms(time.outMs)} + until the answer ${ms(time.waitMs)} + ${bytes.bytesIn} bytes in ${ms(time.inMs)} + pause ${ms(time.pauseMs)} = ${ms(time.totalMs)}, with ${character}`;
}

function ms(value: number): string {
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
}
