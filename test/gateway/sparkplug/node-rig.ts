/** An edge node over a real buffer on disk, with devices that do what the test says. */
import { join } from 'node:path';
import { emptyFrame, type Frame, pushSample, type TagInfo, type Value } from '@lineside/shared/contracts/frame.ts';
import type { DeviceState } from '@lineside/shared/contracts/link.ts';
import type { WriteOutcome, WriteRequest } from '@lineside/shared/contracts/write.ts';
import { pino } from 'pino';
import { onTestFinished, vi } from 'vitest';
import { GatewayBuffer } from '../../../gateway/buffer/buffer.ts';
import type { SparkplugConfig } from '../../../gateway/sparkplug/config.ts';
import { SparkplugNode, type SparkplugNodeOptions } from '../../../gateway/sparkplug/edge-node.ts';
import { LastValues } from '../../../gateway/tags/last-values.ts';

export const GROUP = 'plant';
export const NODE = 'line-1';
export const HOST = 'scada';
export const PATIENT = { timeout: 10_000, interval: 5 };

export function tag(id: number, device: string, name: string, more: Partial<TagInfo> = {}): TagInfo {
  return { id, device, name, type: 'float64', unit: '', description: '', ...more };
}

const CONFIG: SparkplugConfig = {
  url: '',
  group: GROUP,
  mqttVersion: '3.1.1',
  publishIntervalMs: 20,
  history: { enabled: true, maxAgeHours: 72, samplesPerSecond: 50_000, overlapMs: 0 },
};

interface Account {
  username?: string;
  password?: string;
}

export class NodeRig {
  readonly devices: { device: string; state: DeviceState }[] = [
    { device: 'press', state: 'up' },
    { device: 'pump', state: 'up' },
  ];
  tags: TagInfo[] = [
    tag(1, 'press', '$link', { type: 'integer' }),
    tag(2, 'press', 'temperature', { unit: 'Cel' }),
    tag(3, 'press', 'state', { type: 'string' }),
    tag(4, 'press', 'parts', { type: 'integer' }),
    tag(5, 'pump', 'running', { type: 'boolean' }),
    tag(6, 'pump', 'pressure', { type: 'float32', unit: 'bar' }),
  ];
  readonly writes: WriteRequest[] = [];
  readonly lines: Record<string, unknown>[] = [];
  readonly lastValues = new LastValues();
  readonly buffer: GatewayBuffer;
  readonly node: SparkplugNode;
  /** Why writes are refused; empty when they are not. */
  refusal = '';
  pending = 0;

  private constructor(dir: string, url: string, config: Partial<SparkplugConfig>, account: Account) {
    const log = pino({ level: 'debug' }, { write: (line) => void this.lines.push(JSON.parse(line)) });
    const now = () => Date.now();
    this.buffer = new GatewayBuffer({
      dir: join(dir, 'buffer'),
      readers: ['sparkplug'],
      config: { commitIntervalMs: 0, segmentMiB: 4, maxMiB: 64, keepCommittedMiB: 0 } as never,
      log: pino({ level: 'silent' }),
      now,
      onCommit: () => undefined,
    });
    const options: Omit<SparkplugNodeOptions, 'history'> = {
      config: { ...CONFIG, ...config, url },
      node: NODE,
      endpoint: { url, ...account, resolvePath: (path) => path },
      dataDir: dir,
      tags: () => this.tags,
      devices: () => this.devices,
      lastValue: (device, id) => this.lastValues.get(device, id),
      nodeMetrics: () => [
        { name: 'Gateway/Version', type: 'string', unit: '', value: '0.1.0' },
        { name: 'Gateway/Samples waiting', type: 'integer', unit: '', value: this.pending },
      ],
      write: async (request) => this.#write(request),
      log,
      now,
      timing: {
        ...{ firstRetryMs: 20, keepaliveSeconds: 1, settleMs: 100, rebirthMs: 100, nodeMetricsMs: 100 },
        stuckMs: 200,
      },
    };
    const { buffer } = this;
    const history = {
      get epoch() {
        return buffer.epoch;
      },
      get cursor() {
        return buffer.reader('sparkplug').cursor;
      },
      get newestSeq() {
        return buffer.newestSeq;
      },
      read: (seq: number) => buffer.reader('sparkplug').read(seq),
      advance: (seq: number) => buffer.reader('sparkplug').advance(seq),
    };
    this.node = new SparkplugNode({ ...options, history });
  }

  /** Not started: the buffer is open and knows its tags. */
  static async make(
    dir: string,
    url: string,
    config: Partial<SparkplugConfig> = {},
    account: Account = {},
  ): Promise<NodeRig> {
    const rig = new NodeRig(dir, url, config, account);
    await rig.buffer.open();
    rig.buffer.describeTags(rig.tags);
    onTestFinished(() => rig.stop());
    return rig;
  }

  async start(): Promise<void> {
    this.node.start();
    await this.online();
  }

  async online(): Promise<void> {
    await vi.waitFor(() => {
      if (!this.node.state().online) throw new Error(this.node.state().reason);
    }, PATIENT);
  }

  async offline(): Promise<void> {
    await vi.waitFor(() => {
      if (this.node.state().online) throw new Error('still online');
    }, PATIENT);
  }

  async stop(): Promise<void> {
    await this.node.stop();
    await this.buffer.close();
  }

  /** A frame as it comes from the deadband, with one sample of each tag that is named. */
  frame(
    device: string,
    values: Record<string, Value>,
    { quality = 0, at = Date.now(), historical = false } = {},
  ): void {
    const frame: Frame = { ...emptyFrame(device, at), ...(historical ? { historical } : {}) };
    for (const [name, value] of Object.entries(values)) {
      pushSample(frame, this.tags.find((tag) => tag.device === device && tag.name === name)!.id, at, value, quality);
    }
    if (!historical) this.lastValues.observe(frame);
    this.buffer.addFrame(frame);
    this.node.observe(frame);
  }

  turn(device: string, state: DeviceState): void {
    this.devices.find((entry) => entry.device === device)!.state = state;
    this.node.devicesChanged();
  }

  said(level: number): unknown[] {
    return this.lines.filter((line) => Number(line.level) >= level).map(({ msg, reason }) => [msg, reason]);
  }

  async #write(request: WriteRequest): Promise<WriteOutcome> {
    this.writes.push(request);
    const ok = this.refusal === '';
    return { id: request.id, ok, old: null, new: ok ? request.value : null, at: Date.now(), error: this.refusal };
  }
}
