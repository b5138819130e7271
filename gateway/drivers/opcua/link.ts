/**
 * One client object with its session and subscription, from connect to close. It outlives a short cut of the
 * network, in which the server keeps the subscription and sends what it has queued; whatever else goes wrong ends
 * it, and the driver builds a new one.
 *
 * This file alone loads the OPC UA client (1 s, 40 MB); a gateway without OPC UA devices never does.
 */
import { join } from 'node:path';
import { Quality } from '@lineside/shared/contracts/quality.ts';
import { OPCUACertificateManager } from 'node-opcua-certificate-manager';
import {
  AttributeIds,
  type ClientMonitoredItemGroup,
  type ClientSession,
  type ClientSubscription,
  type DataValue,
  MessageSecurityMode,
  OPCUAClient,
  SecurityPolicy,
  setErrorLogger,
  setWarningLogger,
  TimestampsToReturn,
} from 'node-opcua-client';
import type { OpcUaDevice } from './config.ts';
import { type NodeAddress, resolve } from './node-id.ts';

/** Items in one request; servers limit it, and 1,000 is what small PLCs still take. */
const ITEMS_A_REQUEST = 1000;

/** How long a polite goodbye may take, milliseconds. */
const CLOSE_MS = 2000;

export interface LinkItem {
  address: NodeAddress;
  samplingMs: number;
}

export interface LinkEvents {
  /** A new value of the item at `index`. Those of one publish response come in one turn of the event loop. */
  changed(index: number, data: DataValue): void;
  /** The server does not give this item. */
  refused(index: number, quality: number, why: string): void;
  /** A notification or a keep-alive came; a notification says when it was sent by the server's clock. */
  flow(sentAt?: number): void;
  /** The connection is cut, and being repaired. */
  interrupted(): void;
  /** One attempt to repair it has failed; the next one follows. */
  repairFailed(error: Error): void;
  /** The connection and the same subscription are back. */
  restored(): void;
  /** It will not come back by itself: close it. Once. */
  ended(why: string): void;
}

const certificateManagers = new Map<string, Promise<OPCUACertificateManager>>();

/** Never accepts an unknown certificate; what an operator has to trust lies under `dataDir`. */
function certificateManager(dataDir: string): Promise<OPCUACertificateManager> {
  let made = certificateManagers.get(dataDir);
  if (!made) {
    const manager = new OPCUACertificateManager({
      rootFolder: join(dataDir, 'pki'),
      automaticallyAcceptUnknownCertificate: false,
      disableFileWatchers: true,
    });
    made = manager.initialize().then(() => manager);
    made.catch(() => certificateManagers.delete(dataDir));
    certificateManagers.set(dataDir, made);
  }
  return made;
}

export class Link {
  readonly #settings: OpcUaDevice;
  readonly #items: LinkItem[];
  readonly #dataDir: string;
  readonly #events: LinkEvents;
  #client: OPCUAClient | null = null;
  #session: ClientSession | null = null;
  #subscription: ClientSubscription | null = null;
  #namespaces: string[] = [];
  #refused = new Set<number>();
  /** Until then a failure is `open`'s to tell, or ends the link. */
  #opened = false;
  #closed = false;

  constructor(settings: OpcUaDevice, items: LinkItem[], dataDir: string, events: LinkEvents) {
    this.#settings = settings;
    this.#items = items;
    this.#dataDir = dataDir;
    this.#events = events;
  }

  /** Requests sent so far. */
  get transactions(): number {
    return this.#client?.transactionsPerformed ?? 0;
  }

  /** Silence for longer than this means that the server has stopped sending, milliseconds. */
  get silenceLimitMs(): number {
    const { publishingMs, keepAliveCount } = this.#settings;
    const interval = this.#subscription?.publishingInterval ?? publishingMs;
    const count = this.#subscription?.maxKeepAliveCount ?? keepAliveCount;
    return this.#settings.silenceMs ?? Math.max(10_000, 2 * interval * count);
  }

  /** Beyond this the server has forgotten the subscription, milliseconds. */
  get lifetimeMs(): number {
    const { publishingMs, lifetimeCount } = this.#settings;
    const interval = this.#subscription?.publishingInterval ?? publishingMs;
    return interval * (this.#subscription?.lifetimeCount ?? lifetimeCount);
  }

  /** Connects, subscribes, and asks for all items. Rejects with the first failure; `close` is due then, too. */
  async open(): Promise<void> {
    const { endpoint, timeoutMs, retryMinMs, retryMaxMs } = this.#settings;
    const manager = await certificateManager(this.#dataDir);
    if (this.#closed) return;
    const client = OPCUAClient.create({
      applicationName: 'Lineside',
      clientName: 'lineside-gateway',
      clientCertificateManager: manager,
      securityMode: MessageSecurityMode.None,
      securityPolicy: SecurityPolicy.None,
      endpointMustExist: false,
      keepSessionAlive: true,
      transportTimeout: timeoutMs,
      defaultTransactionTimeout: timeoutMs,
      // One attempt to begin with, so that the driver learns the cause; a repair goes on until it is closed.
      connectionStrategy: { maxRetry: 1, initialDelay: retryMinMs, maxDelay: retryMaxMs, randomisationFactor: 0.2 },
    });
    this.#client = client;
    client.on('connection_lost', () => {
      if (!this.#opened) this.#end('the connection was cut');
      else if (!this.#closed) this.#events.interrupted();
    });
    client.on('reconnection_attempt_has_failed', (error) => !this.#closed && this.#events.repairFailed(error));
    client.on('connection_reestablished', () => !this.#closed && this.#events.restored());
    await client.connect(endpoint);
    if (this.#closed) return;
    client.on('close', (error) => this.#end(error ? error.message : 'the server closed the connection'));
    const session = await client.createSession();
    this.#session = session;
    if (this.#closed) return;
    session.on('session_closed', () => this.#end('the server closed the session'));
    this.#namespaces = await session.readNamespaceArray();
    this.#subscription = await this.#subscribe(session);
    await this.#monitor(this.#items.map((_, index) => index));
    this.#opened = true;
  }

  /** Asks again for the items that the server refused. */
  async retryRefused(): Promise<void> {
    if (this.#refused.size === 0 || !this.#session || this.#closed) return;
    this.#namespaces = await this.#session.readNamespaceArray();
    await this.#monitor([...this.#refused]);
  }

  /** The present value of each item that the server gives, by its index. */
  async readAll(): Promise<Map<number, DataValue>> {
    const values = new Map<number, DataValue>();
    const indexes = this.#items.map((_, index) => index).filter((index) => !this.#refused.has(index));
    for (let at = 0; at < indexes.length && this.#session && !this.#closed; at += ITEMS_A_REQUEST) {
      const some = indexes.slice(at, at + ITEMS_A_REQUEST);
      const nodes = some.map((index) => ({ nodeId: this.#nodeId(index)!, attributeId: AttributeIds.Value }));
      const read = await this.#session.read(nodes);
      some.forEach((index, i) => {
        values.set(index, read[i]!);
      });
    }
    return values;
  }

  /** Never rejects, and never takes long: a dead server does not hold the gateway. */
  async close(): Promise<void> {
    this.#closed = true;
    const client = this.#client;
    this.#client = null;
    if (!client) return;
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((done) => {
      timer = setTimeout(done, CLOSE_MS);
    });
    const goodbye = (async () => {
      if (this.#session && !client.isReconnecting) await this.#session.close(true).catch(() => {});
      await client.disconnect().catch(() => {});
    })();
    await Promise.race([goodbye, patience]);
    clearTimeout(timer);
  }

  #end(why: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#events.ended(why);
  }

  async #subscribe(session: ClientSession): Promise<ClientSubscription> {
    const subscription = await session.createSubscription2({
      requestedPublishingInterval: this.#settings.publishingMs,
      requestedMaxKeepAliveCount: this.#settings.keepAliveCount,
      requestedLifetimeCount: this.#settings.lifetimeCount,
      maxNotificationsPerPublish: 0,
      publishingEnabled: true,
      priority: 10,
    });
    const flow = (sentAt?: number) => !this.#closed && this.#events.flow(sentAt);
    subscription.on('keepalive', () => flow());
    subscription.on('raw_notification', (message) => flow(message.publishTime?.getTime()));
    // A new id is a server that has started anew: its namespaces may have moved, so nothing of the old is kept.
    subscription.on('subscriptionId_changed', () => this.#end('the server has restarted'));
    subscription.on('status_changed', (status) => this.#end(`the server ended the subscription (${status.name})`));
    subscription.on('terminated', () => this.#end('the subscription ended'));
    subscription.on('internal_error', (error: Error) => this.#end(error.message));
    return subscription;
  }

  #nodeId(index: number): string | null {
    return resolve(this.#items[index]!.address, this.#namespaces);
  }

  async #monitor(indexes: number[]): Promise<void> {
    const bySampling = new Map<number, number[]>();
    for (const index of indexes) {
      if (this.#nodeId(index) === null) {
        this.#refuse(index, Quality.BadConfigurationError, this.#unknownNamespace(index));
        continue;
      }
      const { samplingMs } = this.#items[index]!;
      const group = bySampling.get(samplingMs);
      if (group) group.push(index);
      else bySampling.set(samplingMs, [index]);
    }
    for (const [samplingMs, group] of bySampling) {
      for (let at = 0; at < group.length && !this.#closed; at += ITEMS_A_REQUEST) {
        await this.#create(group.slice(at, at + ITEMS_A_REQUEST), samplingMs);
      }
    }
  }

  async #create(indexes: number[], samplingInterval: number): Promise<void> {
    const nodes = indexes.map((index) => ({ nodeId: this.#nodeId(index)!, attributeId: AttributeIds.Value }));
    const parameters = { samplingInterval, queueSize: this.#settings.queueSize, discardOldest: true };
    const group: ClientMonitoredItemGroup = await this.#subscription!.monitorItems(
      nodes,
      parameters,
      TimestampsToReturn.Both,
    );
    group.on('changed', (_item, data, i) => {
      if (!this.#closed) this.#events.changed(indexes[i]!, data);
    });
    group.monitoredItems.forEach((item, i) => {
      const index = indexes[i]!;
      if (item.statusCode.isGood()) this.#refused.delete(index);
      else this.#refuse(index, item.statusCode.value >>> 0, `the server says ${item.statusCode.name}`);
    });
  }

  #refuse(index: number, quality: number, why: string): void {
    this.#refused.add(index);
    if (!this.#closed) this.#events.refused(index, quality, why);
  }

  #unknownNamespace(index: number): string {
    const { namespace } = this.#items[index]!.address;
    const wanted = 'uri' in namespace ? namespace.uri : `${namespace.index}`;
    return `the server has no namespace ${wanted}, only ${this.#namespaces.slice(1).join(', ')}`;
  }
}

/** The client writes to the console by default; a daemon's output is its log. */
export function quietClient(write: (line: string) => void): void {
  const print = (...parts: unknown[]) => write(parts.map(String).join(' '));
  setWarningLogger(print);
  setErrorLogger(print);
}
