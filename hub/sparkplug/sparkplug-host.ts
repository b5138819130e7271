/**
 * The hub as a Sparkplug B 3.0 host application: it says that it is there, hears the nodes of its groups, and makes
 * a source of data of each. Where the broker is, it does not know.
 */
import type { Committed, GatewayStatus } from '@lineside/shared/contracts/link.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { DataType, REBIRTH } from '@lineside/shared/wire/sparkplug/payload.ts';
import { writePayload } from '@lineside/shared/wire/sparkplug/payload-writer.ts';
import { nodeTopic, parseSparkplugTopic } from '@lineside/shared/wire/sparkplug/topic.ts';
import type { SparkplugHostConfig } from './config.ts';
import { HostStateWord } from './host-state.ts';
import { RemoteNode, type RemoteNodeOptions, sourceName } from './remote-node.ts';

export interface SparkplugHostOptions
  extends Pick<RemoteNodeOptions, 'take' | 'now' | 'quarantine' | 'rebirthMs' | 'onChange'> {
  config: Pick<SparkplugHostConfig, 'hostId' | 'groups' | 'reorderMs'>;
  /** What is known of a tag from before this run of the hub. */
  before: (source: string, ...of: Parameters<RemoteNodeOptions['before']>) => ReturnType<RemoteNodeOptions['before']>;
  /** Names of sources that may be there: asked for their births when the broker is. */
  expected: () => string[];
  publish(topic: string, payload: string | Buffer, options: { retain: boolean; qos: 0 | 1 }): void;
  log: Logger;
}

/** A broker of a whole company must not fill the hub. */
const MAX_NODES = 2_000;
/** Ids that plant.yaml takes. */
const MAX_ID = 100;
/** Nodes are asked for births one after the other, so that not all come at once. Milliseconds. */
const APART_MS = 20;

export class SparkplugHost {
  readonly #options: SparkplugHostOptions;
  readonly #nodes = new Map<string, RemoteNode>();
  readonly #state: HostStateWord;
  #stopped = false;
  #full = false;

  constructor(options: SparkplugHostOptions) {
    const { config, publish, log, now } = options;
    this.#options = options;
    this.#state = new HostStateWord({
      hostId: config.hostId,
      publish: (topic, payload) => publish(topic, payload, { retain: true, qos: 1 }),
      ...{ log, now },
    });
  }

  /** What is to be heard before this host says that it is there. */
  get filters(): string[] {
    const { groups } = this.#options.config;
    // A broker may deliver what two filters match twice.
    return groups ? [...groups.map((group) => `spBv1.0/${group}/#`), this.#state.topic] : ['spBv1.0/#'];
  }

  /** What the broker says of this host when it is gone; to be asked for each connection. */
  will(): { topic: string; payload: string } {
    return this.#state.will();
  }

  /** The broker delivers what the filters name. */
  connected(): void {
    this.#state.online();
    for (const name of this.#options.expected()) {
      const [, group, node] = /^sparkplug:([^/]+)\/([^/]+)$/.exec(name) ?? [];
      if (group !== undefined && node !== undefined) this.#nodeOf(group, node);
    }
    const { reorderMs } = this.#options.config;
    [...this.#nodes.values()].forEach((node, index) => void node.connected(reorderMs + index * APART_MS));
  }

  lost(reason: string): void {
    this.#state.lost();
    if (!this.#stopped) for (const node of this.#nodes.values()) node.lost(reason);
  }

  /** Takes a message of one of the filters. Never throws. */
  take(topic: string, payload: Buffer, retained: boolean): void {
    if (this.#stopped) return;
    if (topic === this.#state.topic) {
      this.#state.heard(payload);
      return;
    }
    const parsed = parseSparkplugTopic(topic);
    // Nothing but STATE is retained (Sparkplug B 3.0, 5.3): what is says nothing of now.
    if (!parsed || retained || parsed.type.endsWith('CMD')) return;
    this.#nodeOf(parsed.group, parsed.node)?.take(parsed, payload);
  }

  look(): void {
    for (const node of this.#nodes.values()) node.look();
  }

  /** @param fault why nothing can be heard; empty while it can */
  statuses(fault: string): GatewayStatus[] {
    return [...this.#nodes.values()].map((node) => node.status(fault));
  }

  /** The hub has committed something; false when it is of no node. */
  answered(name: string, committed: Committed): boolean {
    const node = this.#nodes.get(name);
    node?.source.answered(committed);
    return node !== undefined;
  }

  /** Says that this host goes, and hands over what has come. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#state.offline();
    await Promise.all([...this.#nodes.values()].map((node) => node.stop()));
  }

  #nodeOf(group: string, node: string): RemoteNode | undefined {
    const { config, before, publish, now } = this.#options;
    if (config.groups && !config.groups.includes(group)) return undefined;
    const name = sourceName(group, node);
    const known = this.#nodes.get(name);
    if (known) return known;
    const { log } = this.#options;
    if (this.#nodes.size >= MAX_NODES || group.length > MAX_ID || node.length > MAX_ID) {
      if (!this.#full) {
        log.error(
          { group: group.slice(0, MAX_ID), node: node.slice(0, MAX_ID) },
          `a Sparkplug node is not taken: there are ${MAX_NODES} already, or an id is longer than ${MAX_ID} characters`,
        );
      }
      this.#full = true;
      return undefined;
    }
    const { take, quarantine, onChange, rebirthMs } = this.#options;
    const fresh = new RemoteNode({
      ...{ group, node, take, quarantine, onChange, rebirthMs, log, now, reorderMs: config.reorderMs },
      before: (device, tag) => before(name, device, tag),
      askForBirths: () => publish(nodeTopic(group, 'NCMD', node), rebirthCommand(now()), { retain: false, qos: 0 }),
    });
    this.#nodes.set(name, fresh);
    fresh.start();
    return fresh;
  }
}

function rebirthCommand(timestamp: number): Buffer {
  return writePayload({
    timestamp,
    metrics: [{ name: REBIRTH, timestamp, datatype: DataType.Boolean, value: { kind: 'boolean', value: true } }],
  });
}
