/**
 * What a broker of ours has around its rules (aedes, MQTT 3.1.1): its port, TLS, bounds, and an end. Sessions are clean
 * whatever a client asks for: nothing is queued for those who are away, so nothing grows, and nothing is done late.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls';
import { Aedes, type AedesOptions, type Client, type PublishPacket } from 'aedes';
import { LinesideError } from '../errors/lineside-error.ts';
import { type BrokerTls, serverOptions } from './broker-tls.ts';
import { meetPacketLengths } from './packet-lengths.ts';
import { limitPackets } from './packet-limit.ts';

const MAX_SUBSCRIPTIONS = 2_000;

export interface BrokerHostOptions {
  host: string;
  /** 0: any free. */
  port: number;
  tls?: BrokerTls | undefined;
  maxConnections: number;
  maxPacketBytes: number;
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
  /** The first is that of `port`. */
  #servers: Server[] = [];
  #tlsServer: TlsServer | undefined;

  constructor(options: BrokerHostOptions) {
    this.#options = options;
  }

  /** The port it listens on; 0 before `listen`. */
  get port(): number {
    return portOf(this.#servers[0]);
  }

  /** The port on which it speaks TLS; 0 before `listen`, and when it speaks none. */
  get tlsPort(): number {
    return portOf(this.#tlsServer);
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
    const { port, tls } = this.#options;
    if (tls) this.#tlsServer = this.#makeTlsServer(tls);
    if (!this.#tlsServer) await this.#listenOn(createServer(this.#accept), port);
    else if (tls?.port === undefined) await this.#listenOn(this.#tlsServer, port);
    else {
      await this.#listenOn(createServer(this.#accept), port);
      await this.#listenOn(this.#tlsServer, tls.port);
    }
  }

  /** Shows another certificate from the next connection on. @throws LinesideError TLS_FILE_UNREADABLE */
  renewTls(): void {
    if (this.#options.tls) this.#tlsServer?.setSecureContext(serverOptions(this.#options.tls));
  }

  readonly #accept = (socket: Socket): void => {
    limitPackets(socket, this.#options.maxPacketBytes);
    this.#broker!.handle(socket);
  };

  async #listenOn(server: Server, port: number): Promise<void> {
    const { host, maxConnections, onTooMany } = this.#options;
    server.maxConnections = maxConnections;
    if (onTooMany) server.on('drop', onTooMany);
    // Also those whose handshake is not over, so that a stop does not wait for them.
    server.prependListener('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    this.#servers.push(server);
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => reject(this.#listenError(error, port)));
      server.listen(port, host, resolve);
    });
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    const servers = this.#servers;
    this.#servers = [];
    this.#tlsServer = undefined;
    const closed = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(closed);
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

  #makeTlsServer(tls: BrokerTls): TlsServer {
    const server = createTlsServer(serverOptions(tls), this.#accept);
    server.on('tlsClientError', (error, socket) => this.#options.onTlsRefused(error, socket.remoteAddress));
    return server;
  }

  #listenError(error: NodeJS.ErrnoException, port: number): Error {
    if (error.code !== 'EADDRINUSE') return error;
    const { host, freePort } = this.#options;
    const words = `port ${port} on ${host} is taken by another program; ${freePort}`;
    return new LinesideError('PORT_TAKEN', 'config', words, { cause: error });
  }
}

function portOf(server: Server | undefined): number {
  const address = server?.address();
  return typeof address === 'object' && address ? address.port : 0;
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
