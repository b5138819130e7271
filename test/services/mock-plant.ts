import type {
  AlarmView,
  GatewayView,
  History,
  LiveValue,
  MachineView,
  Oee,
  Overview,
  TagView,
} from '@lineside/shared/contracts/api.ts';
import type { LiveMessage } from '@lineside/shared/contracts/live.ts';
import type { EquipmentProposal } from '@lineside/shared/contracts/proposal.ts';
import { isGood, Quality } from '@lineside/shared/contracts/quality.ts';
import { equipmentProposals } from '../../hub/equipment/proposals.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const SECOND_STEPS = 5;

type Shape = (at: number) => number;

interface MockTag {
  view: TagView;
  shape: Shape | null;
}

const wave =
  (middle: number, swing: number, periodMs: number, noise: number): Shape =>
  (at) =>
    middle +
    swing * Math.sin((at / periodMs) * 2 * Math.PI) +
    noise * (Math.sin(at / 317) * 0.6 + Math.sin(at / 1013 + 2) * 0.4);

function tag(id: number, device: string, name: string, label: string, unit: string, decimals: number): TagView {
  const gateway = device === 'pumps' ? 'gw-utilities' : 'gw-line-1';
  return { id, gateway, device, name, label, type: 'float64', unit, decimals, at: null, value: null, quality: 0 };
}

/** Three machines: one runs with an alarm, one has a broken sensor and no ideal rate, one behind a lost gateway. */
export class MockPlant {
  private readonly startedAt = Date.now();
  private readonly tags: MockTag[] = [
    { view: tag(11, 'packer', 'speed', 'Speed', '1/min', 1), shape: wave(118, 3, 90_000, 1.5) },
    { view: tag(12, 'packer', 'sealTemperature', 'Seal bar', 'Cel', 1), shape: wave(184, 4, 240_000, 0.6) },
    { view: tag(13, 'packer', 'filmTension', 'Film tension', 'N', 1), shape: wave(42, 5, 47_000, 2) },
    { view: tag(14, 'packer', 'motorCurrent', 'Motor current', 'A', 2), shape: wave(6.4, 0.5, 31_000, 0.2) },
    { view: tag(21, 'moulder', 'barrelTemperature', 'Barrel', 'Cel', 1), shape: wave(231, 1.5, 180_000, 0.3) },
    { view: tag(22, 'moulder', 'injectionPressure', 'Injection', 'bar', 0), shape: wave(860, 220, 12_000, 10) },
    { view: tag(23, 'moulder', 'mouldTemperature', 'Mould', 'Cel', 1), shape: null },
    { view: tag(31, 'pumps', 'bearingTemperature', 'Bearing', 'Cel', 1), shape: wave(64, 3, 300_000, 0.3) },
    { view: tag(32, 'pumps', 'flow', 'Flow', 'm3/h', 1), shape: wave(37, 2, 60_000, 0.5) },
  ];
  private readonly machines: MachineView[];
  private readonly alarms: AlarmView[];
  private readonly gateways: GatewayView[];
  private steps = 0;

  constructor() {
    const now = this.startedAt;
    for (const each of this.tags) this.sample(each, each.view.device === 'pumps' ? now - 4 * MINUTE : now);
    Object.assign(this.tag(23).view, { value: 61.4, quality: Quality.BadSensorFailure });
    const place = 'acme/hamburg/packaging/line-1';
    this.machines = [
      {
        ...this.machine(`${place}/packer`, 'Packer', 'packer', [11, 12, 13]),
        state: { name: 'Execute', category: 'producing', since: now - 12 * MINUTE },
        oee: this.oee({ availability: 0.912, performance: 0.884, quality: 0.977, good: 12_034, reject: 283 }),
      },
      {
        ...this.machine(`${place}/moulder`, 'Injection moulder', 'moulder', [21, 22, 23]),
        state: { name: 'Aborted', category: 'down', since: now - 3 * MINUTE - 20_000 },
        oee: {
          ...this.oee({ availability: 0.641, performance: null, quality: 0.991, good: 2_310, reject: 21 }),
          reason: 'Performance needs an ideal cycle time, and the equipment file has none for this machine.',
          downMs: 80 * MINUTE,
        },
      },
      {
        ...this.machine('acme/hamburg/utilities/pump-station', 'Pump station', 'pumps', [31, 32]),
        state: { name: 'Unknown', category: 'unknown', since: now - 4 * MINUTE },
        oee: this.oee({ availability: 0.97, performance: 0.93, quality: 1, good: 1_204, reject: 0 }),
        connection: {
          status: 'offline',
          since: now - 4 * MINUTE,
          reason: 'Gateway gw-utilities has not been heard. Check its power and its network.',
        },
        lastSeenAt: now - 4 * MINUTE,
      },
    ];
    this.alarms = [
      this.alarm(
        'a-1',
        'critical',
        'unacknowledged',
        'moulder',
        'Injection moulder',
        'Guard door open while moving',
        200,
      ),
      {
        ...this.alarm('a-2', 'high', 'unacknowledged', 'packer', 'Packer', 'Seal bar too hot', 95),
        tag: 12,
        value: 187.4,
        limit: 187,
        unit: 'Cel',
      },
      this.alarm('a-3', 'medium', 'returned', 'packer', 'Packer', 'Film tension low', 1_400),
      {
        ...this.alarm('a-4', 'low', 'acknowledged', 'pumps', 'Pump station', 'Bearing: unusual pattern', 5_200),
        acknowledgedAt: now - HOUR,
        acknowledgedBy: 'j.meyer',
        comment: 'Greased, watch until the late shift.',
      },
      {
        ...this.alarm('a-5', 'medium', 'normal', 'packer', 'Packer', 'Film roll nearly empty', 9_000),
        acknowledgedBy: 'admin',
      },
    ];
    this.gateways = [
      this.gateway('gw-line-1', true, 0, ['packer', 'moulder']),
      this.gateway('gw-utilities', false, 12_340, ['pumps']),
      this.gateway('sparkplug:sawmill/edge-7', true, 0, ['saw-3']),
    ];
  }

  /** Moves the plant on; what the live socket has to say of it. */
  step(now: number): { values: LiveValue[]; messages: LiveMessage[] } {
    this.steps += 1;
    const values: LiveValue[] = [];
    for (const each of this.tags) {
      if (!each.shape || each.view.device === 'pumps') continue;
      this.sample(each, now);
      values.push([each.view.id, now, each.view.value, each.view.quality]);
    }
    const messages: LiveMessage[] = [];
    if (this.steps % SECOND_STEPS === 0) {
      messages.push({ type: 'time', serverTime: now, event: 'mock.0' });
      for (const machine of this.machines) {
        if (machine.connection.status !== 'live') continue;
        machine.lastSeenAt = now;
        if (machine.state.category === 'producing') machine.oee.good = (machine.oee.good ?? 0) + 2;
        messages.push({ type: 'machine', machine });
      }
    }
    return { values, messages };
  }

  overview(now: number): Overview {
    const alarms = this.alarms.filter((alarm) => alarm.state !== 'normal');
    return { serverTime: now, enterprise: 'Acme Foods', machines: this.machines, alarms, gateways: this.gateways };
  }

  tagsOf(path: string): TagView[] {
    const device = this.machines.find((machine) => machine.path === path)?.device;
    return this.tags.filter((each) => each.view.device === device).map((each) => each.view);
  }

  /** What the tag's shape says of the past, with one gap of a minute in every quarter of an hour. */
  history(id: number, from: number, to: number, points: number): History {
    const { view, shape } = this.tag(id);
    const step = Math.max(1_000, (to - from) / points);
    const history: History = {
      tag: id,
      unit: view.unit,
      at: [],
      mean: [],
      min: [],
      max: [],
      raw: false,
      stepMs: null,
    };
    for (let at = from; at < to; at += step) {
      const gap =
        !shape || at % (15 * MINUTE) < MINUTE || (view.device === 'pumps' && at > this.startedAt - 4 * MINUTE);
      const spread = step > 2_000 ? 1.5 : 0;
      history.at.push(Math.round(at));
      history.mean!.push(gap ? null : shape(at));
      history.min!.push(gap ? null : shape(at) - spread);
      history.max!.push(gap ? null : shape(at) + spread);
    }
    return history;
  }

  alarmHistory(limit: number, before: number): AlarmView[] {
    return this.alarms
      .filter((alarm) => alarm.raisedAt < before)
      .toSorted((a, b) => b.raisedAt - a.raisedAt)
      .slice(0, limit);
  }

  acknowledge(occurrence: string): AlarmView | null {
    const alarm = this.alarms.find((each) => each.occurrence === occurrence);
    if (!alarm) return null;
    alarm.acknowledgePending = true;
    return { ...alarm };
  }

  acknowledged(occurrence: string, by: string, comment: string, at: number): AlarmView {
    const alarm = this.alarms.find((each) => each.occurrence === occurrence);
    if (!alarm) throw new Error(`no alarm ${occurrence}`);
    alarm.state = alarm.state === 'returned' ? 'normal' : 'acknowledged';
    return {
      ...Object.assign(alarm, { acknowledgePending: false, acknowledgedAt: at, acknowledgedBy: by, comment }),
    };
  }

  /** Changes a machine's connection, as when its device does not answer; says so to whoever sends it. */
  setConnection(name: string, connection: MachineView['connection']): LiveMessage {
    const machine = this.machines.find((each) => each.name === name);
    if (!machine) throw new Error(`no machine ${name}`);
    machine.connection = connection;
    return { type: 'machine', machine };
  }

  private tag(id: number): MockTag {
    const found = this.tags.find((each) => each.view.id === id);
    if (!found) throw new Error(`no tag ${id}`);
    return found;
  }

  private sample(each: MockTag, at: number): void {
    each.view.at = at;
    if (each.shape && isGood(each.view.quality)) each.view.value = each.shape(at);
  }

  private machine(path: string, name: string, device: string, tags: number[]) {
    const values = tags.map((id) => this.tag(id).view);
    const gateway = values[0]?.gateway ?? '';
    const connection: MachineView['connection'] = { status: 'live', since: this.startedAt - 3 * HOUR, reason: '' };
    return { path, name, gateway, device, values, connection, lastSeenAt: this.startedAt };
  }

  private oee(part: Pick<Oee, 'availability' | 'performance' | 'quality' | 'good' | 'reject'>): Oee {
    const { availability, performance, quality } = part;
    const known = availability !== null && performance !== null && quality !== null;
    return {
      ...part,
      shift: 'Early shift',
      from: this.startedAt - 4 * HOUR,
      to: this.startedAt,
      oee: known ? availability * performance * quality : null,
      reason: '',
      unit: 'pcs',
      producingMs: 3 * HOUR,
      idleMs: 14 * MINUTE,
      stoppedMs: 22 * MINUTE,
      downMs: 16 * MINUTE,
      unknownMs: 8 * MINUTE,
    };
  }

  private alarm(
    occurrence: string,
    priority: AlarmView['priority'],
    state: AlarmView['state'],
    device: string,
    machineName: string,
    message: string,
    secondsAgo: number,
  ): AlarmView {
    const raisedAt = this.startedAt - secondsAgo * 1_000;
    const returnedAt = state === 'returned' || state === 'normal' ? raisedAt + MINUTE : null;
    return {
      ...{ occurrence, priority, state, device, machineName, message, raisedAt, returnedAt },
      gateway: device === 'pumps' ? 'gw-utilities' : 'gw-line-1',
      rule: occurrence,
      machine: '',
      acknowledgedAt: null,
      acknowledgedBy: '',
      comment: '',
      acknowledgePending: false,
      value: null,
      limit: null,
      unit: '',
    };
  }

  /** The device behind the edge node of others, as the hub makes it of what the device sends. */
  proposals(): EquipmentProposal[] {
    const tag = { at: this.startedAt, quality: 0 };
    return equipmentProposals({
      machines: this.machines,
      gateways: this.gateways,
      tagsOf: () => [
        { ...tag, name: 'blade/speed', type: 'float64', unit: '1/min', value: 1480.5 },
        { ...tag, name: 'cuts/total', type: 'integer', unit: '', value: 90_125 },
        { ...tag, name: 'motor/temperature', type: 'float64', unit: 'Cel', value: 61.25 },
        { ...tag, name: 'program', type: 'string', unit: '', value: 'Oak 40 mm' },
        { ...tag, name: 'state', type: 'integer', unit: '', value: 6 },
        { ...tag, name: 'vibration', type: 'float64', unit: 'mm/s', value: null, quality: 0x8031_0000 },
      ],
    });
  }

  private gateway(id: string, online: boolean, pendingSamples: number, devices: string[]): GatewayView {
    const since = this.startedAt - (online ? 3 * HOUR : 4 * MINUTE);
    return {
      ...{ id, online, since, pendingSamples, lastSeenAt: since, version: '0.1.0', quarantined: 0 },
      samplesStored: 18_234_511,
      devices: devices.map((device) => ({
        ...{ device, since, driver: 'modbus', endpoint: '10.0.4.17:502', state: 'up', reason: '' },
        ...{ lastGoodAt: since, requests: 120_331, errors: 3, missed: 0 },
      })),
    };
  }
}
