/** What the hub asks of the gateway: done when `hub.accept` names it, and never anything else. */
import {
  type BrowseAsk,
  type DeviceFound,
  type FleetAnswer,
  type FleetCommand,
  type ProbeAsk,
  wordOf,
} from '@lineside/shared/contracts/fleet.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { LogRing } from '@lineside/shared/log/log-ring.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { Static } from 'typebox';
import type { LoadedConfig } from './config/load-config.ts';
import type { ConfigPush } from './config-push.ts';
import type { Driver } from './drivers/driver.ts';

/** The answer has left before the gateway ends. Milliseconds. */
const FAREWELL_MS = 300;

export interface RemoteDeskOptions {
  running(): LoadedConfig;
  push: ConfigPush;
  ring: LogRing;
  driver(device: string): Driver | undefined;
  /** Looks at devices; loaded when somebody asks, for it takes memory. */
  browse(ask: Static<typeof BrowseAsk>, progress: (words: string) => void): Promise<DeviceFound>;
  probe(ask: Static<typeof ProbeAsk>, progress: (words: string) => void): Promise<DeviceFound>;
  /** Whether something would start the gateway again; otherwise why not. */
  notRestarted(): string;
  restart(reason: string): void;
  log: Logger;
}

export class RemoteDesk {
  readonly #options: RemoteDeskOptions;
  #looking = false;

  constructor(options: RemoteDeskOptions) {
    this.#options = options;
  }

  /**
   * Never rejects.
   *
   * @param notAfter when it must not begin any more, on the clock of `performance.now()`
   */
  async answer({ ask, by }: FleetCommand, notAfter: number, progress: (words: string) => void): Promise<FleetAnswer> {
    const { running, log } = this.#options;
    const word = wordOf(ask);
    if (!running().hub.accept.includes(word)) {
      return no(
        `this gateway does not let the hub do that: add ${word} to hub.accept in its configuration, at the machine`,
      );
    }
    // A confirmation says itself what it is for, and may be the first that a gateway hears of a hub's clock.
    if (ask.what !== 'config.confirm' && performance.now() > notAfter)
      return no('it came too late, and nothing was done');
    if (ask.what !== 'logs' && ask.what !== 'config.read') log.warn({ what: ask.what, by }, 'asked by the hub');
    try {
      return { ok: true, value: (await this.#do(ask, by, progress)) ?? null };
    } catch (error) {
      return no(messageOf(error));
    }
  }

  async #do(ask: FleetCommand['ask'], by: string, progress: (words: string) => void): Promise<unknown> {
    const { push, ring, browse, probe } = this.#options;
    switch (ask.what) {
      case 'config.read':
        return push.read();
      case 'config.check':
        return push.check(ask.config);
      case 'config.confirm':
        return push.confirm(ask.push);
      case 'logs':
        return ring.last(ask.lines);
      case 'restart':
        return this.#restart(by);
      case 'browse.opcua':
        return this.#look(() => browse(ask, progress));
      case 'probe.modbus':
        return this.#look(() => probe(ask, progress));
      case 'look.nodes':
        return this.#driver(ask.device, 'nodesBelow', 'an OPC UA server').nodesBelow(ask.node ?? null);
      case 'look.registers':
        return this.#driver(ask.device, 'registers', 'a Modbus device').registers(ask.table, ask.first, ask.count);
    }
  }

  /** @throws LinesideError DEVICE_LOOK when the device is not there, or is none that can be looked at so */
  #driver<Look extends 'nodesBelow' | 'registers'>(id: string, look: Look, kind: string) {
    const driver = this.#options.driver(id);
    if (driver?.[look]) return driver as Driver & Required<Pick<Driver, Look>>;
    const words = driver
      ? `device "${id}" is not ${kind}`
      : `there is no device "${id}" in the configuration that runs`;
    throw new LinesideError('DEVICE_LOOK', 'peer', words);
  }

  #restart(by: string): void {
    const { notRestarted, restart } = this.#options;
    const why = notRestarted();
    if (why) throw new Error(why);
    setTimeout(() => restart(`a restart asked for by the hub, for ${by}`), FAREWELL_MS);
  }

  /** One at a time: a device has better things to do. */
  async #look(look: () => Promise<DeviceFound>): Promise<DeviceFound> {
    if (this.#looking) throw new Error('the gateway is looking at another device already; wait for its answer');
    this.#looking = true;
    try {
      return await look();
    } finally {
      this.#looking = false;
    }
  }
}

function no(error: string): FleetAnswer {
  return { ok: false, error };
}
