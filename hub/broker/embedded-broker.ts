/**
 * The broker inside the hub (aedes, MQTT 3.1.1). A gateway may publish and hear its own private topics and nothing
 * else. PUBACK goes out before anything is stored; that is no loss, for gateways only believe the hub's answer.
 */
import { readFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { Command, Committed } from '@lineside/shared/contracts/link.ts';
import {
  GATEWAY_TOPICS,
  type GatewayTopic,
  HUB_TOPICS,
  type HubTopic,
  parseTopic,
  topicOf,
} from '@lineside/shared/contracts/topics.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { Aedes, type AedesPublishPacket, type AuthenticateError, type Client, type PublishPacket } from 'aedes';
import type { GatewayCredentials } from './credentials.ts';
import type { GatewayBus, GatewayReceiver } from './gateway-bus.ts';

const DRAIN_MS = 8_000;
/** Largest message that a gateway may send. Its own batches stay below 2 MiB. Bytes. */
const MAX_MESSAGE_BYTES = 8 * 1024 * 1024;
const MAX_CONNECTIONS = 2_000;
const HANDSHAKE_MS = 10_000;
/** CONNACK return codes (MQTT 3.1.1, 3.2.2.3). */
const ID_REJECTED = 2;
const NOT_AUTHORIZED = 5;

export interface EmbeddedBrokerOptions {
  host: string;
  port: number;
  credentials: GatewayCredentials;
  /** Absolute paths (PEM); with them, nothing but TLS is spoken. */
  tls?: { certFile: string; keyFile: string; clientCaFile?: string } | undefined;
  /** A client that does not take its messages for so long is dropped, for it holds up the others. Milliseconds. */
  drainMs?: number;
  log: Logger;
}

interface NamedClient extends Client {
  gateway?: string;
}

export class EmbeddedBroker implements GatewayBus {
  readonly #options: EmbeddedBrokerOptions;
  readonly #sockets = new Set<Socket>();
  #broker: Aedes | undefined;
  #server: Server | undefined;
  readonly fault = '';

  constructor(options: EmbeddedBrokerOptions) {
    this.#options = options;
  }

  /** The port it listens on; 0 before start. */
  get port(): number {
    const address = this.#server?.address();
    return typeof address === 'object' && address ? address.port : 0;
  }

  async start(receiver: GatewayReceiver): Promise<void> {
    const { host, port, log } = this.#options;
    const broker = await Aedes.createBroker({
      drainTimeout: this.#options.drainMs ?? DRAIN_MS,
      maxClientsIdLength: 128,
      authenticate: (client, username, password, done) => this.#authenticate(client, username, password, done),
      authorizePublish: (client, packet, done) => done(this.#refusePublish(client, packet)),
      authorizeSubscribe: (client, subscription, done) => {
        const allowed = this.#maySubscribe(client, subscription.topic);
        done(null, allowed ? subscription : null);
      },
    });
    this.#broker = broker;
    broker.on('clientError', (client, error) => {
      log.warn({ gateway: (client as NamedClient).gateway, error: messageOf(error) }, 'broker dropped a client');
    });
    for (const kind of GATEWAY_TOPICS) await this.#receive(kind, receiver);
    const server = this.#makeServer((socket) => broker.handle(socket));
    server.maxConnections = MAX_CONNECTIONS;
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => reject(portError(error, host, port)));
      server.listen(port, host, resolve);
    });
  }

  /** @throws LinesideError TLS_FILE_UNREADABLE */
  #makeServer(handle: (socket: Socket) => void): Server {
    const { tls, log } = this.#options;
    const keep = (socket: Socket) => {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('close', () => this.#sockets.delete(socket));
    };
    if (!tls) {
      return createServer((socket) => {
        keep(socket);
        handle(socket);
      });
    }
    const { clientCaFile } = tls;
    const server = createTlsServer(
      {
        cert: readPem('certFile', tls.certFile),
        key: readPem('keyFile', tls.keyFile),
        minVersion: 'TLSv1.2',
        handshakeTimeout: HANDSHAKE_MS,
        ...(clientCaFile === undefined
          ? {}
          : { ca: readPem('clientCaFile', clientCaFile), requestCert: true, rejectUnauthorized: true }),
      },
      handle,
    );
    // Also those whose handshake is not over, so that a stop does not wait for them.
    server.on('connection', keep);
    server.on('tlsClientError', (error, socket) => {
      log.warn({ address: socket.remoteAddress, error: messageOf(error) }, 'a client was refused: TLS');
    });
    return server;
  }

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

  answer(gateway: string, committed: Committed): void {
    this.#publish(gateway, 'committed', committed);
  }

  command(gateway: string, command: Command): void {
    // A write must not arrive twice, nor be kept for a gateway that is away.
    this.#publish(gateway, 'command', command, command.type === 'tag.write' ? 0 : 1);
  }

  #publish(gateway: string, kind: HubTopic, body: Committed | Command, qos: 0 | 1 = 1): void {
    const packet: PublishPacket = {
      cmd: 'publish',
      topic: topicOf(gateway, kind),
      payload: Buffer.from(JSON.stringify(body)),
      qos,
      retain: false,
      dup: false,
    };
    this.#broker?.publish(packet, (error) => {
      if (error) this.#options.log.warn({ gateway, kind, error: messageOf(error) }, 'could not answer a gateway');
    });
  }

  #receive(kind: GatewayTopic, receiver: GatewayReceiver): Promise<void> {
    const deliver = (packet: AedesPublishPacket, done: () => void): void => {
      const topic = parseTopic(packet.topic);
      if (!topic) {
        done();
        return;
      }
      const payload = Buffer.isBuffer(packet.payload) ? packet.payload : Buffer.from(packet.payload);
      receiver({ gateway: topic.gateway, kind, payload, retained: false }).then(done, (error: unknown) => {
        this.#options.log.error({ gateway: topic.gateway, kind, error: messageOf(error) }, 'message not taken');
        done();
      });
    };
    return new Promise((resolve) => this.#broker!.subscribe(topicOf('+', kind), deliver, resolve));
  }

  #authenticate(
    client: NamedClient,
    username: string | undefined,
    password: Buffer | undefined,
    done: (error: AuthenticateError | null, success: boolean | null) => void,
  ): void {
    const { credentials, log } = this.#options;
    if (username && password && credentials.verify(username, password)) {
      // A client id takes over the connection and the session that go by it.
      if (client.id !== username && credentials.has(client.id)) {
        log.warn({ gateway: username, client: client.id }, 'a client was refused: its id is another gateway’s');
        const refusal = Object.assign(new Error('client id of another gateway'), { returnCode: ID_REJECTED });
        done(refusal as AuthenticateError, null);
        return;
      }
      client.gateway = username;
      done(null, true);
      return;
    }
    log.warn({ username, client: client.id }, 'a client was refused: unknown gateway or wrong password');
    const error = Object.assign(new Error('unknown gateway or wrong password'), { returnCode: NOT_AUTHORIZED });
    done(error as AuthenticateError, null);
  }

  /** An error drops the connection, which is what a client that reaches beyond its own topics deserves. */
  #refusePublish(client: NamedClient | null, packet: PublishPacket): Error | null {
    if (!client) return null;
    const topic = parseTopic(packet.topic);
    const own =
      topic?.gateway === client.gateway && (GATEWAY_TOPICS as readonly string[]).includes(topic?.kind ?? '');
    if (!own) return new Error(`gateway ${client.gateway} may not publish to ${packet.topic}`);
    if (packet.payload.length > MAX_MESSAGE_BYTES) {
      return new Error(
        `gateway ${client.gateway} sent ${packet.payload.length} bytes; ${MAX_MESSAGE_BYTES} is the limit`,
      );
    }
    return null;
  }

  /** aedes takes `$share/…` for a literal topic and delivers nothing, so that is refused with everything else. */
  #maySubscribe(client: NamedClient, filter: string): boolean {
    const topic = parseTopic(filter);
    const own = topic?.gateway === client.gateway && (HUB_TOPICS as readonly string[]).includes(topic?.kind ?? '');
    if (!own) this.#options.log.warn({ gateway: client.gateway, filter }, 'subscription refused: not its own topic');
    return own;
  }
}

function readPem(setting: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const words = `mqtt.tls.${setting} cannot be read: ${messageOf(cause)}`;
    throw new LinesideError('TLS_FILE_UNREADABLE', 'config', words, { cause });
  }
}

function portError(error: NodeJS.ErrnoException, host: string, port: number): Error {
  if (error.code !== 'EADDRINUSE') return error;
  return new LinesideError(
    'PORT_TAKEN',
    'config',
    `port ${port} on ${host} is taken by another program; set mqtt.port in the hub's configuration`,
    { cause: error },
  );
}
