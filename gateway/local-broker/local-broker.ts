/**
 * The MQTT broker at the machine (aedes, MQTT 3.1.1): integrators hear values without the hub, and set tags that may
 * be set. It carries what the gateway publishes and nothing else; the hub's private topics never come here.
 *
 * Sessions are clean whatever a client asks for: nothing is queued for those who are away, so nothing grows, and no
 * old command is carried out later.
 */
import { readFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { Credentials } from '@lineside/shared/mqtt/credentials.ts';
import { meetPacketLengths } from '@lineside/shared/mqtt/packet-lengths.ts';
import { limitPackets } from '@lineside/shared/mqtt/packet-limit.ts';
import { matches } from '@lineside/shared/uns/topics.ts';
import { Aedes, type AedesPublishPacket, type AuthenticateError, type Client, type PublishPacket } from 'aedes';
import type { LocalBrokerConfig } from './config.ts';

const DRAIN_MS = 5_000;
/** A set fits into a few hundred bytes. */
const MAX_PACKET_BYTES = 64 * 1024;
const MAX_SUBSCRIPTIONS = 2_000;
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
  readonly #sockets = new Set<Socket>();
  /** Who is connected by which client id: a client that comes with the same one ends the other's connection. */
  readonly #ids = new Map<string, string | undefined>();
  #broker: Aedes | undefined;
  #server: Server | undefined;
  #dropped = 0;

  constructor(options: LocalBrokerOptions) {
    this.#options = options;
  }

  /** The port it listens on; 0 before start. */
  get port(): number {
    const address = this.#server?.address();
    return typeof address === 'object' && address ? address.port : 0;
  }

  /** Clients that are connected, and those that were dropped since the start. */
  get counts(): { clients: number; dropped: number } {
    return { clients: this.#ids.size, dropped: this.#dropped };
  }

  /** @throws LinesideError PORT_TAKEN, TLS_FILE_UNREADABLE. */
  async start(): Promise<void> {
    const { config, log } = this.#options;
    meetPacketLengths();
    const broker = await Aedes.createBroker({
      drainTimeout: this.#options.drainMs ?? DRAIN_MS,
      connectTimeout: CONNECT_MS,
      maxClientsIdLength: 128,
      preConnect: (_client, packet, done) => {
        packet.clean = true;
        done(null, true);
      },
      authenticate: (client, username, password, done) => this.#authenticate(client, username, password, done),
      authorizePublish: (client, packet, done) => done(this.#refusePublish(client, packet)),
      authorizeSubscribe: (client, subscription, done) => {
        done(null, this.#maySubscribe(client, subscription.topic) ? subscription : null);
      },
      authorizeForward: (client, packet) => this.#forward(client, packet),
    });
    this.#broker = broker;
    broker.on('client', (client: NamedClient) => this.#ids.set(client.id, client.account));
    broker.on('clientDisconnect', (client) => this.#ids.delete(client.id));
    // aedes tells of each message that such a client did not take.
    const told = new WeakSet<Client>();
    broker.on('clientError', (client, error) => {
      if (told.has(client)) return;
      told.add(client);
      this.#dropped++;
      const { account } = client as NamedClient;
      log.warn({ account, error: messageOf(error) }, 'local broker dropped a client');
    });
    broker.on('connectionError', (_client, error) =>
      log.debug({ error: messageOf(error) }, 'a client did not come in'),
    );
    const accept = (socket: Socket) => {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('close', () => this.#sockets.delete(socket));
      limitPackets(socket, MAX_PACKET_BYTES);
      broker.handle(socket);
    };
    const server = config.tls ? createTlsServer(this.#tls(config.tls), accept) : createServer(accept);
    server.maxConnections = config.maxClients;
    server.on('drop', () => log.warn({ maxClients: config.maxClients }, 'a client was refused: too many clients'));
    server.on('tlsClientError', (error: Error) =>
      log.debug({ error: messageOf(error) }, 'a client did not come in by TLS'),
    );
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => reject(portError(error, config)));
      server.listen(config.port, config.host, resolve);
    });
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of this.#sockets) socket.destroy();
      await closed;
    }
    const broker = this.#broker;
    this.#broker = undefined;
    if (broker) await new Promise<void>((resolve) => broker.close(() => resolve()));
  }

  /** `done` is called in any case, when the next message may come: that is when all who hear it have taken it. */
  publish(topic: string, payload: string, { retain, qos }: { retain: boolean; qos: 0 | 1 }, done: () => void): void {
    if (!this.#broker) {
      done();
      return;
    }
    const packet: PublishPacket = { cmd: 'publish', topic, payload: Buffer.from(payload), qos, retain, dup: false };
    this.#broker.publish(packet, () => done());
  }

  #tls({ certFile, keyFile, clientCaFile }: NonNullable<LocalBrokerConfig['tls']>) {
    const read = (field: string, path: string) => {
      try {
        return readFileSync(this.#options.resolvePath(path));
      } catch (cause) {
        const words = `localBroker.tls.${field} cannot be read: ${messageOf(cause)}`;
        throw new LinesideError('TLS_FILE_UNREADABLE', 'config', words, { cause });
      }
    };
    return {
      cert: read('certFile', certFile),
      key: read('keyFile', keyFile),
      minVersion: 'TLSv1.2' as const,
      ...(clientCaFile === undefined
        ? {}
        : { ca: read('clientCaFile', clientCaFile), requestCert: true, rejectUnauthorized: true }),
    };
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
    const payload = Buffer.isBuffer(packet.payload) ? packet.payload : Buffer.from(packet.payload);
    const retained = packet.retain;
    packet.retain = false;
    const mayWrite = client.write === true && this.#mayHear(client, topic);
    this.#options.onSet({ topic, payload, account: client.account ?? '', mayWrite, retained });
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
    if (Object.keys((client as unknown as { subscriptions: object }).subscriptions).length < MAX_SUBSCRIPTIONS) {
      return true;
    }
    log.warn({ account: client.account, filter }, `subscription refused: a client has ${MAX_SUBSCRIPTIONS} at most`);
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

function portError(error: NodeJS.ErrnoException, { host, port }: LocalBrokerConfig): Error {
  if (error.code !== 'EADDRINUSE') return error;
  const words = `port ${port} on ${host} is taken by another program; set localBroker.port to another`;
  return new LinesideError('PORT_TAKEN', 'config', words, { cause: error });
}
