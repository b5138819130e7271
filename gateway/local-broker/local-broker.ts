/**
 * The MQTT broker at the machine (aedes, MQTT 3.1.1): integrators hear values without the hub, and set tags that may
 * be set. It carries what the gateway publishes and nothing else; the hub's private topics never come here.
 */
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { BrokerHost, payloadOf, tooManySubscriptions } from '@lineside/shared/mqtt/broker-host.ts';
import { resolveTls, tlsFromFiles } from '@lineside/shared/mqtt/broker-tls.ts';
import type { Credentials } from '@lineside/shared/mqtt/credentials.ts';
import { matches } from '@lineside/shared/uns/topics.ts';
import type { AedesPublishPacket, AuthenticateError, Client, PublishPacket } from 'aedes';
import type { LocalBrokerConfig } from './config.ts';

const DRAIN_MS = 5_000;
/** A set fits into a few hundred bytes. */
const MAX_PACKET_BYTES = 64 * 1024;
/** A client has to say who it is within this time, milliseconds. */
const CONNECT_MS = 10_000;
/** A wrong password is answered after this time: with the bound on clients, guessing takes for ever. Milliseconds. */
const REFUSAL_MS = 500;
/** CONNACK return codes (MQTT 3.1.1, 3.2.2.3). */
const ID_REJECTED = 2;
const NOT_AUTHORIZED = 5;

/** What a client wants to be set. */
export interface SetMessage {
  topic: string;
  payload: Buffer;
  account: string;
  /** Whether the account may set this topic. */
  mayWrite: boolean;
  retained: boolean;
}

export interface LocalBrokerOptions {
  config: LocalBrokerConfig;
  credentials: Credentials;
  /** Whether something can be set there; clients may publish nowhere else. */
  isSet(topic: string): boolean;
  onSet(message: SetMessage): void;
  resolvePath(path: string): string;
  /** A client that takes nothing for so long is dropped, for it holds up the others. Milliseconds. */
  drainMs?: number;
  log: Logger;
}

/** `account` is undefined for an anonymous client. */
interface NamedClient extends Client {
  account?: string | undefined;
  allow?: string[] | undefined;
  write?: boolean;
}

export class LocalBroker {
  readonly #options: LocalBrokerOptions;
  readonly #host: BrokerHost;
  /** Who is connected by which client id: a client that comes with the same one ends the other's connection. */
  readonly #ids = new Map<string, string | undefined>();
  #dropped = 0;

  constructor(options: LocalBrokerOptions) {
    this.#options = options;
    const { config, resolvePath, log } = options;
    const { host, port, tls, maxClients } = config;
    this.#host = new BrokerHost({
      ...{ host, port, maxConnections: maxClients, maxPacketBytes: MAX_PACKET_BYTES },
      tls: tls && tlsFromFiles(resolveTls(tls, resolvePath), 'localBroker'),
      freePort: 'set localBroker.port to another',
      onDropped: ({ account }: NamedClient, error) => {
        this.#dropped++;
        log.warn({ account, error: messageOf(error) }, 'local broker dropped a client');
      },
      onTlsRefused: (error) => log.debug({ error: messageOf(error) }, 'a client did not come in by TLS'),
      onTooMany: () => log.warn({ maxClients }, 'a client was refused: too many clients'),
    });
  }

  /** The port it listens on; 0 before start. */
  get port(): number {
    return this.#host.port;
  }

  /** Clients that are connected, and those that were dropped since the start. */
  get counts(): { clients: number; dropped: number } {
    return { clients: this.#ids.size, dropped: this.#dropped };
  }

  /** @throws LinesideError PORT_TAKEN, TLS_FILE_UNREADABLE. */
  async start(): Promise<void> {
    const broker = await this.#host.open({
      drainTimeout: this.#options.drainMs ?? DRAIN_MS,
      connectTimeout: CONNECT_MS,
      authenticate: (client, username, password, done) => this.#authenticate(client, username, password, done),
      authorizePublish: (client, packet, done) => done(this.#refusePublish(client, packet)),
      authorizeSubscribe: (client, subscription, done) => {
        done(null, this.#maySubscribe(client, subscription.topic) ? subscription : null);
      },
      authorizeForward: (client, packet) => this.#forward(client, packet),
    });
    broker.on('client', (client: NamedClient) => this.#ids.set(client.id, client.account));
    broker.on('clientDisconnect', (client) => this.#ids.delete(client.id));
    broker.on('connectionError', (_client, error) =>
      this.#options.log.debug({ error: messageOf(error) }, 'a client did not come in'),
    );
    await this.#host.listen();
  }

  /** Idempotent. */
  stop(): Promise<void> {
    return this.#host.stop();
  }

  /** `done` is called in any case, when the next message may come: that is when all who hear it have taken it. */
  publish(topic: string, payload: string, how: { retain: boolean; qos: 0 | 1 }, done: () => void): void {
    this.#host.publish(topic, payload, how, () => done());
  }

  #authenticate(
    client: NamedClient,
    username: string | undefined,
    password: Buffer | undefined,
    done: (error: AuthenticateError | null, success: boolean | null) => void,
  ): void {
    const { config, credentials, log } = this.#options;
    const refuse = (returnCode: number, words: string, afterMs: number) => {
      log.warn({ username, client: client.id }, `a client was refused: ${words}`);
      const error = Object.assign(new Error(words), { returnCode }) as AuthenticateError;
      setTimeout(() => done(error, null), afterMs);
    };
    const anonymous = username === undefined && config.anonymousRead;
    if (!anonymous && !(username && password && credentials.verify(username, password))) {
      refuse(NOT_AUTHORIZED, 'unknown account or wrong password', REFUSAL_MS);
      return;
    }
    if (this.#ids.has(client.id) && this.#ids.get(client.id) !== username) {
      refuse(ID_REJECTED, 'its client id is in use by another account', 0);
      return;
    }
    const account = config.accounts.find(({ name }) => name === username);
    client.account = username;
    client.allow = account?.allow;
    client.write = account?.write ?? false;
    done(null, true);
  }

  /** An error drops the connection. A set that is not to be carried out is answered instead, so that people see why. */
  #refusePublish(client: NamedClient | null, packet: PublishPacket): Error | null {
    if (!client) return null;
    const { topic } = packet;
    if (!this.#options.isSet(topic)) {
      return new Error(`${nameOf(client)} may not publish to ${topic}; clients only publish to …/set`);
    }
    // A will is said when a client is gone: nobody would see what it did.
    if (client.closed) return new Error(`the will of ${nameOf(client)} is not carried out`);
    const retained = packet.retain;
    packet.retain = false;
    const mayWrite = client.write === true && this.#mayHear(client, topic);
    this.#options.onSet({ topic, payload: payloadOf(packet), account: client.account ?? '', mayWrite, retained });
    return null;
  }

  #maySubscribe(client: NamedClient, filter: string): boolean {
    const { log } = this.#options;
    if (filter.startsWith('$share/')) {
      const words = 'subscription refused: $share is not known here; subscribe to the topics themselves';
      log.warn({ account: client.account, filter }, words);
      return false;
    }
    if (filter.startsWith('$')) return false;
    const tooMany = tooManySubscriptions(client);
    if (tooMany === null) return true;
    log.warn({ account: client.account, filter }, `subscription refused: ${tooMany}`);
    return false;
  }

  #forward(client: NamedClient, packet: AedesPublishPacket): AedesPublishPacket | null {
    return this.#mayHear(client, packet.topic) ? packet : null;
  }

  #mayHear({ allow }: NamedClient, topic: string): boolean {
    return !topic.startsWith('$') && (allow === undefined || allow.some((filter) => matches(filter, topic)));
  }
}

function nameOf({ account }: NamedClient): string {
  return account === undefined ? 'an anonymous client' : `account ${account}`;
}
