/**
 * One client object with its session and subscription, from connect to close. It outlives a short cut of the
 * network, in which the server keeps the subscription and sends what it has queued; whatever else goes wrong ends
 * it, and the driver builds a new one.
 *
 * This file alone loads the OPC UA client (1 s, 40 MB); a gateway without OPC UA devices never does.
 */
import type { NodeLevel } from '@lineside/shared/contracts/device-look.ts';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import {
  AttributeIds,
  type ClientSession,
  CreateSessionRequest,
  CreateSubscriptionRequest,
  type DataValue,
  OPCUAClient,
  setErrorLogger,
  setWarningLogger,
} from 'node-opcua-client';
import type { Address } from './address.ts';
import { Batches } from './batches.ts';
import { Conditions, type ConditionsEvents } from './conditions.ts';
import type { OpcUaDevice } from './config.ts';
import { findNodes } from './find-nodes.ts';
import { HistoryAccess } from './history-access.ts';
import { Poller } from './poller.ts';
import { PROFILES } from './profiles.ts';
import { SecureAccess, type SecurityContext } from './security-connect.ts';
import { type Refusal, type SubscribedItem, Subscription, type Wanted } from './subscription.ts';
import { Writer } from './writer.ts';

/** Statuses of a reading that speak of the node, and not of its present value. */
const OF_NODE = new Set([
  'BadNodeIdUnknown',
  'BadNodeIdInvalid',
  'BadAttributeIdInvalid',
  'BadNotReadable',
  'BadUserAccessDenied',
]);

/** How long a polite goodbye may take, milliseconds. */
const CLOSE_MS = 2000;

export interface LinkItem extends SubscribedItem {
  address: Address;
}

export interface LinkEvents {
  /** A new value of the item at `index`. Those of one publish response come in one turn of the event loop. */
  changed(index: number, data: DataValue): void;
  /** The server does not give this item. */
  refused(index: number, quality: number, status: string, why: string): void;
  /** The server does not filter this item, and sends every change of it. */
  unfiltered(index: number, why: string): void;
  /** So many messages with values did not come, and the server does not have them any more. */
  lost(messages: number): void;
  /** A notification or a keep-alive came; a notification says when it was sent by the server's clock. */
  flow(sentAt?: number): void;
  /** A reading of all values has ended; it began so long after its time. Milliseconds. */
  polled(tookMs: number, lateMs: number): void;
  conditions: ConditionsEvents;
  /** The connection is cut, and being repaired. */
  interrupted(): void;
  /** One attempt to repair it has failed; the next one follows. */
  repairFailed(error: unknown): void;
  /** The connection and the same subscription are back. */
  restored(): void;
  /** It will not come back by itself: close it. Once. */
  ended(why: string): void;
}

export class Link {
  readonly writer = new Writer((index) => {
    const nodeId = this.#given.get(index);
    if (nodeId === undefined) return `the server does not give this tag (${this.#refused.get(index) ?? 'not yet'})`;
    if (!this.#client || !this.#session || this.#closed || this.#repairing) return 'the connection is lost';
    return { client: this.#client, session: this.#session, nodeId };
  });
  readonly #settings: OpcUaDevice;
  readonly #items: LinkItem[];
  readonly #access: SecureAccess;
  readonly #events: LinkEvents;
  #client: OPCUAClient | null = null;
  #session: ClientSession | null = null;
  #subscription: Subscription | null = null;
  #poller: Poller | null = null;
  /** Null when the server's alarms are not asked for. */
  readonly conditions: Conditions | null;
  #namespaces: string[] = [];
  readonly #batches: Batches;
  /** Index → node id of the items that the server gives. */
  #given = new Map<number, string>();
  /** Index → status of the items that it does not give. */
  #refused = new Map<number, string>();
  /** Until then a failure is `open`'s to tell, or ends the link. */
  #opened = false;
  #closed = false;
  /** The connection was cut, and the client repairs it. */
  #repairing = false;
  #answeredAt: number | null = null;
  /** Since the connection was cut. */
  #sessionsAsked = 0;

  constructor(settings: OpcUaDevice, items: LinkItem[], context: SecurityContext, events: LinkEvents) {
    this.#settings = settings;
    this.#items = items;
    this.#access = new SecureAccess(settings, context);
    this.#events = events;
    const { maxPerRequest, profile, conditions, timestamps, publishingMs, namespaces: aliases } = settings;
    this.conditions = conditions?.enabled
      ? new Conditions({ settings: conditions, timestamps, publishingMs, aliases }, events.conditions)
      : null;
    this.#batches = new Batches(maxPerRequest ?? (profile && PROFILES[profile].maxPerRequest));
  }

  /** Requests sent so far. */
  get transactions(): number {
    return this.#client?.transactionsPerformed ?? 0;
  }

  /** Readings that were due and did not take place. */
  get missedPolls(): number {
    return this.#poller?.missed ?? 0;
  }

  /** Silence for longer than this means that the server has stopped sending, milliseconds. */
  get silenceLimitMs(): number {
    const { silenceMs, mode, pollMs, timeoutMs, publishingMs, keepAliveCount } = this.#settings;
    if (silenceMs !== undefined) return silenceMs;
    if (mode === 'poll') return Math.max(10_000, 2 * pollMs + timeoutMs);
    return Math.max(10_000, 2 * (this.#subscription?.keepAliveMs ?? publishingMs * keepAliveCount));
  }

  /** Whether the server says that it is alive, and samples nothing any more. */
  get stalled(): boolean {
    return this.#subscription?.stalled(this.silenceLimitMs) ?? false;
  }

  /** Beyond this the server has forgotten the subscription, milliseconds. */
  get lifetimeMs(): number {
    const { publishingMs, lifetimeCount } = this.#settings;
    return this.#subscription?.lifetimeMs ?? publishingMs * lifetimeCount;
  }

  /** Monotonic time of the server's first answer since the connection was cut; null before that. */
  get answeredAt(): number | null {
    return this.#repairing ? this.#answeredAt : null;
  }

  /** How many items there are, and status → number of those that the server refuses. */
  get account(): { asked: number; given: number; refused: Map<string, number> } {
    const refused = new Map<string, number>();
    for (const status of this.#refused.values()) refused.set(status, (refused.get(status) ?? 0) + 1);
    return { asked: this.#items.length, given: this.#given.size, refused };
  }

  /** Whether the server's certificate is still trusted. */
  get stillTrusted(): boolean {
    return this.#access.stillTrusted;
  }

  /** Connects, subscribes, and asks for all items. Rejects with the first failure; `close` is due then, too. */
  async open(): Promise<void> {
    try {
      await this.#open();
    } catch (error) {
      throw this.#access.explain(error);
    }
  }

  async #open(): Promise<void> {
    const { endpoint, timeoutMs, retryMinMs, retryMaxMs } = this.#settings;
    const security = await this.#access.options(() => this.#end('the server shows another certificate than before'));
    if (this.#closed) return;
    const client = OPCUAClient.create({
      applicationName: 'Lineside',
      clientName: 'lineside-gateway',
      ...security,
      endpointMustExist: false,
      keepSessionAlive: true,
      transportTimeout: timeoutMs,
      defaultTransactionTimeout: timeoutMs,
      // One attempt to begin with, so that the driver learns the cause; a repair goes on until it is closed.
      // Two equal delays are an exception out of nowhere, which would end the gateway.
      connectionStrategy: {
        maxRetry: 1,
        initialDelay: retryMinMs,
        maxDelay: Math.max(retryMaxMs, retryMinMs + 1),
        randomisationFactor: 0.2,
      },
    });
    this.#client = client;
    client.on('connection_lost', () => {
      // Only a subscription has something to wait for: what the server has queued.
      if (!this.#opened || !this.#subscription) this.#end('the connection was cut');
      else if (!this.#closed && !this.#repairing) {
        // Each failed repair is another lost connection.
        this.#repairing = true;
        this.#answeredAt = null;
        this.#sessionsAsked = 0;
        this.#subscription.hold(true);
        this.#events.interrupted();
      }
    });
    client.on('reconnection_attempt_has_failed', (error) => {
      if (!this.#closed) this.#events.repairFailed(this.#access.explain(error));
    });
    client.on('connection_reestablished', () => {
      this.#repairing = false;
      this.#subscription?.forgive();
      this.#subscription?.hold(false);
      if (this.#closed) return;
      this.conditions?.refresh();
      this.#events.restored();
    });
    client.on('receive_chunk', () => {
      if (this.#repairing) this.#answeredAt ??= performance.now();
    });
    // A subscription that the client makes anew is an empty one, on a server that may have started anew with other
    // namespaces: nothing of the old is kept. Its id says nothing, for some servers count from the same number.
    client.on('send_request', (request) => {
      if (!this.#opened || this.#closed) return;
      if (request instanceof CreateSubscriptionRequest) this.#end('the server has lost the subscription');
      // The client asks for a session again and again, and does not tell why it gets none.
      if (request instanceof CreateSessionRequest && this.#sessionsAsked++ > 0) {
        this.#events.repairFailed(new Error('the server refuses to open a session anew'));
      }
    });
    await client.connect(endpoint);
    if (this.#closed) return;
    client.on('close', (error) => this.#end(error ? error.message : 'the server closed the connection'));
    const session = await client.createSession(await this.#access.identity(() => client.getEndpoints()));
    this.#session = session;
    if (this.#closed) return;
    session.on('session_closed', () => this.#end('the server closed the session'));
    this.#namespaces = await session.readNamespaceArray();
    await this.#batches.learn(session);
    if (this.#settings.mode === 'subscribe') await this.#subscribe(session);
    await this.#ask(this.#items.map((_, index) => index));
    // As seldom as its signs of life: the watch costs no more than they do.
    await this.#subscription?.watchClock(Math.max(1000, this.silenceLimitMs / 4));
    const place = this.#subscription?.place;
    if (place && !this.#closed)
      await this.conditions?.open({ client, session, namespaces: this.#namespaces, ...place });
    this.#opened = true;
    if (this.#settings.mode === 'poll' && !this.#closed) this.#poll();
  }

  /** Asks again for the items that the server refused. */
  async retryRefused(): Promise<void> {
    if (this.#refused.size === 0 || !this.#session || this.#closed) return;
    this.#namespaces = await this.#session.readNamespaceArray();
    await this.#ask([...this.#refused.keys()]);
  }

  /** The present value of each item that the server gives, by its index. */
  async readAll(): Promise<Map<number, DataValue>> {
    const given = [...this.#given].map(([index, nodeId]) => ({ index, nodeId }));
    const values = await this.#read(given);
    return new Map(given.map(({ index }, i) => [index, values[i]!]));
  }

  /** The server's own history of what it gives, once the link is open. */
  history(): HistoryAccess {
    return new HistoryAccess(this.#session!, this.#batches, this.#given, this.#settings.timestamps);
  }

  /** What lies right below a node; null: the folder Objects. @throws LinesideError DEVICE_LOOK; what the server throws */
  async nodesBelow(node: string | null, now: () => number): Promise<NodeLevel> {
    const { nodesBelow } = await import('./nodes-below.ts');
    if (!this.#session || this.#closed || this.#repairing) throw new Error('the connection is lost');
    const errand = { session: this.#session, batches: this.#batches, namespaces: this.#namespaces };
    return nodesBelow(errand, node, now, this.#settings.namespaces);
  }

  /** Never rejects, and never takes long: a dead server does not hold the gateway. */
  async close(): Promise<void> {
    this.#closed = true;
    this.writer.abandon('the connection was given up');
    this.conditions?.close();
    this.#poller?.stop();
    const client = this.#client;
    this.#client = null;
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((done) => {
      timer = setTimeout(done, CLOSE_MS);
    });
    const goodbye = (async () => {
      if (this.#session && !client?.isReconnecting) await this.#session.close(true).catch(() => {});
      await Promise.all([this.#access.close(), client?.disconnect().catch(() => {})]);
    })();
    await Promise.race([goodbye, patience]);
    clearTimeout(timer);
  }

  #end(why: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#events.ended(why);
  }

  async #subscribe(session: ClientSession): Promise<void> {
    const subscription = new Subscription(session, this.#batches, this.#items, {
      changed: (index, data) => !this.#closed && this.#events.changed(index, data),
      flow: (sentAt) => !this.#closed && this.#events.flow(sentAt),
      unfiltered: (index, why) => !this.#closed && this.#events.unfiltered(index, why),
      notified: (list) => this.conditions?.take(list),
      ended: (why) => this.#end(why),
      lost: (messages) => !this.#closed && this.#events.lost(messages),
    });
    await subscription.open(this.#settings);
    this.#subscription = subscription;
  }

  #poll(): void {
    this.#poller = new Poller(this.#settings.pollMs, {
      read: () => this.readAll(),
      took: (values, tookMs, lateMs) => {
        if (this.#closed) return;
        this.#events.polled(tookMs, lateMs);
        this.#events.flow();
        for (const [index, data] of values) this.#events.changed(index, data);
      },
      failed: (error) => this.#end(messageOf(error)),
    });
    this.#poller.start();
  }

  #read(nodes: readonly { nodeId: string }[]): Promise<DataValue[]> {
    const session = this.#session!;
    const asked = nodes.map(({ nodeId }) => ({ nodeId, attributeId: AttributeIds.Value }));
    return this.#batches.each('read', asked, (some) => session.read(some));
  }

  /** Has the server give these items; each is then either given or refused. */
  async #ask(indexes: number[]): Promise<void> {
    const addresses = indexes.map((index) => this.#items[index]!.address);
    const found = await findNodes(this.#session!, this.#batches, this.#namespaces, addresses);
    const wanted: Wanted[] = [];
    found.forEach((one, i) => {
      if ('nodeId' in one) wanted.push({ index: indexes[i]!, nodeId: one.nodeId });
      else this.#refuse(indexes[i]!, one.quality, one.status, one.why);
    });
    const results = this.#subscription ? await this.#subscription.add(wanted) : await this.#probe(wanted);
    results.forEach((refusal, i) => {
      const { index, nodeId } = wanted[i]!;
      if (refusal) this.#refuse(index, refusal.quality, refusal.status, `the server says ${refusal.status}`);
      else {
        this.#refused.delete(index);
        this.#given.set(index, nodeId);
      }
    });
  }

  /** Without a subscription only a reading shows what the server gives. */
  async #probe(wanted: Wanted[]): Promise<Refusal[]> {
    const values = await this.#read(wanted);
    return values.map(({ statusCode }) =>
      OF_NODE.has(statusCode.name) ? { quality: statusCode.value >>> 0, status: statusCode.name } : null,
    );
  }

  #refuse(index: number, quality: number, status: string, why: string): void {
    this.#refused.set(index, status);
    if (!this.#closed) this.#events.refused(index, quality, status, why);
  }
}

/** The client writes to the console by default; a daemon's output is its log. */
export function quietClient(write: (line: string) => void): void {
  const print = (...parts: unknown[]) => write(parts.map(String).join(' '));
  setWarningLogger(print);
  setErrorLogger(print);
}
