/**
 * What a broker of ours has around its rules (aedes, MQTT 3.1.1): its port, TLS, bounds, and an end. Sessions are clean
 * whatever a client asks for: nothing is queued for those who are away, so nothing grows, and nothing is done late.
 */
import { readFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { Aedes, type AedesOptions, type Client, type PublishPacket } from 'aedes';
import { LinesideError, messageOf } from '../errors/lineside-error.ts';
import { meetPacketLengths } from './packet-lengths.ts';
import { limitPackets } from './packet-limit.ts';

/** A TLS handshake has to be over within this time, milliseconds. */
const HANDSHAKE_MS = 10_000;
const MAX_SUBSCRIPTIONS = 2_000;

/** Files in PEM. */
export interface ServerTls {
  certFile: string;
  keyFile: string;
  /** With it, a client needs a certificate that one of these has signed. */
  clientCaFile?: string;
}

export interface BrokerHostOptions {
  host: string;
  /** 0: any free. */
  port: number;
  /** Absolute paths; with them, nothing but TLS is spoken. */
  tls?: ServerTls | undefined;
  maxConnections: number;
  maxPacketBytes: number;
  /** Where all this is set, for messages, such as `mqtt`. */
  setting: string;
  /** What to do when the port is taken. */
  freePort: string;
  /** A client that did not take its messages, or spoke otherwise than it should; told once of each. */
  onDropped(client: Client, error: Error): void;
  onTlsRefused(error: Error, address: string | undefined): void;
  onTooMany?(): void;
}

export class BrokerHost {
  readonly #options: BrokerHostOptions;
  readonly #sockets = new Set<Socket>();
  #broker: Aedes | undefined;
  #server: Server | undefined;

  constructor(options: BrokerHostOptions) {
    this.#options = options;
  }

  /** The port it listens on; 0 before `listen`. */
  get port(): number {
    const address = this.#server?.address();
    return typeof address === 'object' && address ? address.port : 0;
  }

  /** Makes the broker, which nobody can come to yet. */
  async open(rules: Omit<AedesOptions, 'preConnect' | 'maxClientsIdLength'>): Promise<Aedes> {
    meetPacketLengths();
    const broker = await Aedes.createBroker({
      ...rules,
      maxClientsIdLength: 128,
      preConnect: (_client, packet, done) => {
        packet.clean = true;
        done(null, true);
      },
    });
    // aedes tells of each message that such a client did not take.
    const told = new WeakSet<Client>();
    broker.on('clientError', (client, error) => {
      if (told.has(client)) return;
      told.add(client);
      this.#options.onDropped(client, error);
    });
    this.#broker = broker;
    return broker;
  }

  /** @throws LinesideError PORT_TAKEN, TLS_FILE_UNREADABLE */
  async listen(): Promise<void> {
    const { host, port, maxConnections, maxPacketBytes, onTooMany } = this.#options;
    const server = this.#makeServer((socket) => {
      limitPackets(socket, maxPacketBytes);
      this.#broker!.handle(socket);
    });
    server.maxConnections = maxConnections;
    if (onTooMany) server.on('drop', onTooMany);
    // Also those whose handshake is not over, so that a stop does not wait for them.
    server.prependListener('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => reject(this.#listenError(error)));
      server.listen(port, host, resolve);
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
  publish(
    topic: string,
    payload: string | Buffer,
    { retain, qos }: { retain: boolean; qos: 0 | 1 },
    done: (error?: Error) => void,
  ): void {
    if (!this.#broker) {
      done();
      return;
    }
    const packet: PublishPacket = { cmd: 'publish', topic, payload: Buffer.from(payload), qos, retain, dup: false };
    this.#broker.publish(packet, (error) => done(error));
  }

  #makeServer(accept: (socket: Socket) => void): Server {
    const { tls, onTlsRefused } = this.#options;
    if (!tls) return createServer(accept);
    const server = createTlsServer(this.#tlsOptions(tls), accept);
    server.on('tlsClientError', (error, socket) => onTlsRefused(error, socket.remoteAddress));
    return server;
  }

  #tlsOptions({ certFile, keyFile, clientCaFile }: ServerTls): TlsOptions {
    const read = (field: string, path: string): Buffer => {
      try {
        return readFileSync(path);
      } catch (cause) {
        const words = `${this.#options.setting}.tls.${field} cannot be read: ${messageOf(cause)}`;
        throw new LinesideError('TLS_FILE_UNREADABLE', 'config', words, { cause });
      }
    };
    return {
      cert: read('certFile', certFile),
      key: read('keyFile', keyFile),
      minVersion: 'TLSv1.2',
      handshakeTimeout: HANDSHAKE_MS,
      ...(clientCaFile === undefined
        ? {}
        : { ca: read('clientCaFile', clientCaFile), requestCert: true, rejectUnauthorized: true }),
    };
  }

  #listenError(error: NodeJS.ErrnoException): Error {
    if (error.code !== 'EADDRINUSE') return error;
    const { host, port, freePort } = this.#options;
    const words = `port ${port} on ${host} is taken by another program; ${freePort}`;
    return new LinesideError('PORT_TAKEN', 'config', words, { cause: error });
  }
}

export function resolveTls(tls: ServerTls | undefined, resolvePath: (path: string) => string): ServerTls | undefined {
  if (!tls) return undefined;
  const { certFile, keyFile, clientCaFile } = tls;
  return {
    certFile: resolvePath(certFile),
    keyFile: resolvePath(keyFile),
    ...(clientCaFile === undefined ? {} : { clientCaFile: resolvePath(clientCaFile) }),
  };
}

/** Why a client may not subscribe to more; null when it may. */
export function tooManySubscriptions(client: Client): string | null {
  const { subscriptions } = client as unknown as { subscriptions: object };
  if (Object.keys(subscriptions).length < MAX_SUBSCRIPTIONS) return null;
  return `a client has ${MAX_SUBSCRIPTIONS} at most`;
}

export function payloadOf({ payload }: PublishPacket): Buffer {
  return Buffer.isBuffer(payload) ? payload : Buffer.from(payload);
}
