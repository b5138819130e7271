/** Joins the Sparkplug edge node to the buffer, the devices and the writer. */
import type { Frame, TagInfo } from '@lineside/shared/contracts/frame.ts';
import type { DeviceState, DeviceStatus } from '@lineside/shared/contracts/link.ts';
import type { WriteOutcome, WriteRequest } from '@lineside/shared/contracts/write.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { endpointOf } from '@lineside/shared/mqtt/endpoint.ts';
import type { GatewayBuffer } from './buffer/buffer.ts';
import type { LoadedConfig } from './config/load-config.ts';
import type { Outlet } from './outlet.ts';
import type { NodeMetric } from './sparkplug/catalog.ts';
import type { SparkplugConfig } from './sparkplug/config.ts';
import { SparkplugNode, type SparkplugState } from './sparkplug/edge-node.ts';
import type { History } from './sparkplug/history-flush.ts';
import type { Sample } from './sparkplug/metrics.ts';

/** Its name among the readers of the buffer. */
export const SPARKPLUG_READER = 'sparkplug';

export interface SparkplugOutletOptions {
  /** Its `sparkplug` is in force until the end. */
  config: LoadedConfig & { sparkplug: SparkplugConfig };
  dataDir: string;
  version: string;
  buffer: GatewayBuffer;
  lastValue(device: string, tag: number): Sample | undefined;
  hubConnected(): boolean;
  write(request: WriteRequest): Promise<WriteOutcome>;
  log: Logger;
  now(): number;
}

export class SparkplugOutlet implements Outlet {
  readonly #options: SparkplugOutletOptions;
  readonly #node: SparkplugNode;
  readonly #states = new Map<string, DeviceState>();
  #config: LoadedConfig;
  #tags: TagInfo[] = [];

  /** @throws LinesideError SECRET_UNREADABLE */
  constructor(options: SparkplugOutletOptions) {
    const { config, dataDir, buffer, lastValue, write, log, now } = options;
    this.#options = options;
    this.#config = config;
    const { sparkplug } = config;
    this.#node = new SparkplugNode({
      config: sparkplug,
      node: config.gateway.id,
      endpoint: endpointOf(sparkplug, config.resolvePath),
      dataDir,
      tags: () => this.#tags,
      devices: () => this.#config.devices.map(({ id }) => ({ device: id, state: this.#stateOf(id) })),
      lastValue,
      nodeMetrics: () => this.#nodeMetrics(),
      write,
      history: sparkplug.history.enabled ? historyOf(buffer) : undefined,
      log,
      now,
    });
  }

  start(): void {
    this.#node.start();
  }

  /** Idempotent. */
  stop(): Promise<void> {
    return this.#node.stop();
  }

  state(): SparkplugState {
    return this.#node.state();
  }

  describe(config: LoadedConfig, tags: TagInfo[]): void {
    this.#config = config;
    this.#tags = tags;
    this.#node.described();
  }

  observe(frame: Frame): void {
    this.#node.observe(frame);
  }

  past(frame: Frame): void {
    this.#node.observe(frame);
  }

  device({ device, state }: DeviceStatus): void {
    if (this.#states.get(device) === state) return;
    this.#states.set(device, state);
    this.#node.devicesChanged();
  }

  // Sparkplug has no alarms: what they watch is among the metrics.
  alarm(): void {}
  activeAlarms(): void {}

  #stateOf(device: string): DeviceState {
    return this.#states.get(device) ?? 'connecting';
  }

  #nodeMetrics(): NodeMetric[] {
    const { version, hubConnected } = this.#options;
    const down = this.#config.devices.filter(({ id }) => this.#stateOf(id) !== 'up').length;
    return [
      { name: 'Gateway/Version', type: 'string', unit: '', value: version },
      { name: 'Gateway/Hub connected', type: 'boolean', unit: '', value: hubConnected() },
      { name: 'Gateway/Devices down', type: 'integer', unit: '', value: down },
    ];
  }
}

function historyOf(buffer: GatewayBuffer): History {
  const reader = buffer.reader(SPARKPLUG_READER);
  return {
    get epoch() {
      return buffer.epoch;
    },
    get cursor() {
      return reader.cursor;
    },
    get newestSeq() {
      return buffer.newestSeq;
    },
    read: (seq) => reader.read(seq),
    advance: (seq) => reader.advance(seq),
  };
}
