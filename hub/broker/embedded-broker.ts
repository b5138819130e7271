/**
 * The broker inside the hub (aedes, MQTT 3.1.1). A gateway comes in by a certificate of the hub's own authority or by a
 * password. It may publish and hear its own private topics and nothing else; an integrator hears topics of the unified
 * namespace and none of the gateways'; another source of data publishes to its own topics and hears what is said to it.
 * PUBACK goes out before anything is stored; that is no loss, for gateways only believe the hub's answer.
 */
import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { RenewAnswer } from '@lineside/shared/contracts/enrolment.ts';
import type { Command, Committed } from '@lineside/shared/contracts/link.ts';
import {
  GATEWAY_TOPICS,
  type GatewayTopic,
  HUB_TOPICS,
  type HubTopic,
  parseTopic,
  topicOf,
} from '@lineside/shared/contracts/topics.ts';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { BrokerHost, payloadOf, tooManySubscriptions } from '@lineside/shared/mqtt/broker-host.ts';
import type { BrokerTls } from '@lineside/shared/mqtt/broker-tls.ts';
import type { Credentials } from '@lineside/shared/mqtt/credentials.ts';
import type { Aedes, AedesPublishPacket, AuthenticateError, Client, PublishPacket } from 'aedes';
import type { CertificateDoor } from './certificate-door.ts';
import type { BusFigures, GatewayBus, GatewayReceiver } from './gateway-bus.ts';
import type { IntegratorDoor } from './integrator-door.ts';
import type { PublisherDoor } from './publisher-door.ts';
import type { RefusedPublication } from './refused-publications.ts';

const DRAIN_MS = 8_000;
/** Who has not said who they are by then, is let go. Milliseconds. */
const CONNECT_MS = 10_000;
/** Largest message that a gateway may send. Its own batches stay below 2 MiB. Bytes. */
const MAX_MESSAGE_BYTES = 8 * 1024 * 1024;
const TOO_LONG = `it has more than ${MAX_MESSAGE_BYTES} bytes`;
/** Topic and header of a message come on top. Bytes. */
const MAX_PACKET_BYTES = MAX_MESSAGE_BYTES + 64 * 1024;
const MAX_SET_BYTES = 64 * 1024;
const MAX_CONNECTIONS = 2_000;
/** Of those, integrators may have so many, so that no gateway stays outside. */
const MAX_INTEGRATORS = 200;
/** CONNACK return codes (MQTT 3.1.1, 3.2.2.3). */
const ID_REJECTED = 2;
const UNAVAILABLE = 3;
const NOT_AUTHORIZED = 5;
/** How often those whose certificate has ended meanwhile are looked for. Milliseconds. */
const EXPIRY_MS = 60_000;

export interface EmbeddedBrokerOptions {
  host: string;
  port: number;
  /** Of gateways that come in by a password. */
  credentials: Credentials;
  /** Absent: no gateway comes in by a certificate alone. */
  certificates?: CertificateDoor | undefined;
  /** Absent: nobody but gateways comes in. */
  integrators?: IntegratorDoor | undefined;
  /** Absent: nobody but gateways sends data. */
  publishers?: PublisherDoor | undefined;
  /** A client published what it may not; its connection is ended. Must not throw. */
  onRefused?: ((refused: RefusedPublication) => void) | undefined;
  tls?: BrokerTls | undefined;
  /** A client that does not take its messages for so long is dropped, for it holds up the others. Milliseconds. */
  drainMs?: number;
  /** Milliseconds; for tests. */
  connectMs?: number;
  log: Logger;
}

/** One of them, once it has come in. */
interface NamedClient extends Client {
  gateway?: string;
  /** Of the certificate by which it came in. */
  certificate?: { serial: string; notAfter: number };
  integrator?: string;
  publisher?: string;
}

export class EmbeddedBroker implements GatewayBus {
  readonly #options: EmbeddedBrokerOptions;
  readonly #host: BrokerHost;
  /** Who is connected by which client id: a client that comes with the same one ends the other's connection. */
  readonly #ids = new Map<string, string>();
  /** Gateways that came in by a certificate. */
  readonly #certified = new Set<NamedClient>();
  /** Clients that are no gateways. */
  readonly #accounts = new Set<NamedClient>();
  #expiry: NodeJS.Timeout | undefined;
  readonly fault = '';
  readonly figures: BusFigures = { clients: { gateway: 0, integrator: 0, source: 0 }, dropped: 0 };

  constructor(options: EmbeddedBrokerOptions) {
    this.#options = options;
    const { host, port, tls, log } = options;
    this.#host = new BrokerHost({
      ...{ host, port, tls, maxConnections: MAX_CONNECTIONS, maxPacketBytes: MAX_PACKET_BYTES },
      freePort: "set mqtt.port in the hub's configuration",
      onDropped: (client, error) => {
        this.figures.dropped++;
        log.warn({ client: nameOf(client), error: messageOf(error) }, 'broker dropped a client');
      },
      onTlsRefused: (error, address) => {
        log.warn({ address, error: messageOf(error) }, 'a client was refused: TLS');
      },
    });
  }

  /** The port it listens on; 0 before start. */
  get port(): number {
    return this.#host.port;
  }

  /** The port on which it speaks TLS; 0 when it speaks none. */
  get tlsPort(): number {
    return this.#host.tlsPort;
  }

  /** @throws LinesideError PORT_TAKEN, TLS_FILE_UNREADABLE */
  async start(receiver: GatewayReceiver): Promise<void> {
    // Nothing is kept for who is away: gateways ask for what they have missed, values are retained.
    const broker = await this.#host.open({
      drainTimeout: this.#options.drainMs ?? DRAIN_MS,
      connectTimeout: this.#options.connectMs ?? CONNECT_MS,
      // No bound of messages under way at the same time: behind a hundred of gateways that are held back, those of all
      // others would stand. Each connection is read on when what came of it last has been taken.
      concurrency: 0,
      authenticate: (client, username, password, done) => this.#authenticate(client, username, password, done),
      authorizePublish: (client, packet, done) => done(this.#refusePublish(client, packet)),
      authorizeSubscribe: (client, subscription, done) => {
        const allowed = this.#maySubscribe(client, subscription.topic);
        done(null, allowed ? subscription : null);
      },
      authorizeForward: (client, packet) => (this.#mayHear(client, packet.topic) ? packet : null),
    });
    broker.on('client', (client: NamedClient) => {
      this.#ids.set(client.id, nameOf(client));
      this.#count(client, 1);
      if (client.certificate) this.#certified.add(client);
      if (client.gateway === undefined) this.#accounts.add(client);
    });
    broker.on('clientDisconnect', (client) => {
      this.#ids.delete(client.id);
      this.#count(client, -1);
      this.#certified.delete(client);
      this.#accounts.delete(client);
    });
    this.#expiry = setInterval(() => this.#endExpired(), EXPIRY_MS).unref();
    for (const kind of GATEWAY_TOPICS) await this.#receive(broker, kind, receiver);
    await this.#host.listen();
  }

  stop(): Promise<void> {
    clearInterval(this.#expiry);
    return this.#host.stop();
  }

  /** Shows another certificate from the next connection on. @throws LinesideError TLS_FILE_UNREADABLE */
  renewTls(): void {
    this.#host.renewTls();
  }

  /** Ends the connections of who came in by one of these certificates. @param serials hexadecimal */
  disconnectCertificates(serials: string[], why: string): void {
    for (const client of this.#certified) {
      if (serials.includes(client.certificate!.serial)) this.#disconnect(client, why);
    }
  }

  /** Ends the connections of an account that is no gateway's. */
  disconnectAccount(name: string, why: string): void {
    for (const client of this.#accounts) if (nameOf(client) === name) this.#disconnect(client, why);
  }

  answer(gateway: string, committed: Committed): void {
    this.#publish(gateway, 'committed', committed);
  }

  certificate(gateway: string, answer: RenewAnswer): void {
    this.#publish(gateway, 'certificate', answer);
  }

  command(gateway: string, command: Command): void {
    // What is for now must not arrive twice, nor be kept for a gateway that is away.
    this.#publish(gateway, 'command', command, command.type === 'alarm.acknowledge' ? 1 : 0);
  }

  /** For topics that are no gateway's. `done` is called in any case, when all who hear it have taken it. */
  publish(topic: string, payload: string | Buffer, how: { retain: boolean; qos: 0 | 1 }, done: () => void): void {
    this.#host.publish(topic, payload, how, () => done());
  }

  #count({ gateway, integrator }: NamedClient, by: 1 | -1): void {
    const kind = gateway !== undefined ? 'gateway' : integrator !== undefined ? 'integrator' : 'source';
    this.figures.clients[kind]! += by;
  }

  #publish(gateway: string, kind: HubTopic, body: Committed | Command | RenewAnswer, qos: 0 | 1 = 1): void {
    this.#host.publish(topicOf(gateway, kind), JSON.stringify(body), { retain: false, qos }, (error) => {
      if (error) this.#options.log.warn({ gateway, kind, error: messageOf(error) }, 'could not answer a gateway');
    });
  }

  #receive(broker: Aedes, kind: GatewayTopic, receiver: GatewayReceiver): Promise<void> {
    const deliver = (packet: AedesPublishPacket, done: () => void): void => {
      const topic = parseTopic(packet.topic);
      if (!topic) {
        done();
        return;
      }
      const payload = payloadOf(packet);
      receiver({ gateway: topic.gateway, kind, payload, retained: false }).then(done, (error: unknown) => {
        this.#options.log.error({ gateway: topic.gateway, kind, error: messageOf(error) }, 'message not taken');
        done();
      });
    };
    return new Promise((resolve) => broker.subscribe(topicOf('+', kind), deliver, resolve));
  }

  #authenticate(
    client: NamedClient,
    username: string | undefined,
    password: Buffer | undefined,
    done: (error: AuthenticateError | null, success: boolean | null) => void,
  ): void {
    this.#admit(client, username, password).then(
      () => done(null, true),
      (error: AuthenticateError) => {
        this.#options.log.warn({ username, client: client.id }, `a client was refused: ${error.message}`);
        done(error.returnCode === undefined ? refusal(UNAVAILABLE, 'the hub failed') : error, null);
      },
    );
  }

  /** @throws AuthenticateError saying why not */
  async #admit(client: NamedClient, username: string | undefined, password: Buffer | undefined): Promise<void> {
    const { credentials, certificates, integrators, publishers } = this.#options;
    const shown = shownBy(client);
    const identified = certificates && shown ? await certificates.identify(shown) : undefined;
    const certified = identified && 'gateway' in identified ? identified : undefined;
    const isCertified = certified !== undefined && certified.gateway === username;
    const isGateway = isCertified || (username && password && credentials.verify(username, password));
    const isIntegrator = !isGateway && username && password && integrators?.verify(username, password);
    const isPublisher = !isGateway && username && password && publishers?.verify(username, password);
    if (!isGateway && !isIntegrator && !isPublisher) {
      if (certified) throw refusal(NOT_AUTHORIZED, `its certificate is that of ${certified.gateway}`);
      const words = identified && 'refusal' in identified ? identified.refusal : 'unknown gateway or wrong password';
      throw refusal(NOT_AUTHORIZED, words);
    }
    // A client id takes over the connection and the session that go by it.
    if (client.id !== username && (credentials.has(client.id) || (await certificates?.knows(client.id)))) {
      throw refusal(ID_REJECTED, 'its id is another gateway’s');
    }
    if ((this.#ids.get(client.id) ?? username) !== username) {
      throw refusal(ID_REJECTED, 'its id is in use by another client');
    }
    if (isGateway) {
      client.gateway = username!;
      if (isCertified) client.certificate = { serial: certified.serial, notAfter: certified.notAfter };
      return;
    }
    if (this.#accounts.size >= MAX_INTEGRATORS) {
      throw refusal(UNAVAILABLE, `${MAX_INTEGRATORS} clients that are no gateways are connected already`);
    }
    if (isIntegrator) client.integrator = username!;
    else client.publisher = username!;
  }

  #endExpired(): void {
    for (const client of this.#certified) {
      if (client.certificate!.notAfter <= Date.now()) this.#disconnect(client, 'its certificate has expired');
    }
  }

  #disconnect(client: NamedClient, why: string): void {
    this.#options.log.warn({ client: nameOf(client) }, `a client's connection was ended: ${why}`);
    client.close();
  }

  /** An error drops the connection, which is what a client that reaches beyond its own topics deserves. */
  #refusePublish(client: NamedClient | null, packet: PublishPacket): Error | null {
    if (!client) return null;
    const { gateway, integrator, publisher } = client;
    const reason =
      integrator !== undefined
        ? this.#takeSet(client, integrator, packet)
        : publisher !== undefined
          ? this.#takeForeign(publisher, packet)
          : gatewayRefusal(gateway, packet);
    if (reason === null) return null;
    const kind = gateway === undefined ? 'account' : 'gateway';
    const name = nameOf(client);
    const { topic } = packet;
    const address = addressOf(client);
    this.#options.onRefused?.({ kind, name, address, topic, payload: payloadOf(packet), reason, outcome: 'refused' });
    return new Error(`${kind} ${name} may not publish to ${topic}: ${reason}`);
  }

  /** Why not; null when it is taken. */
  #takeSet(client: NamedClient, account: string, packet: PublishPacket): string | null {
    const { integrators } = this.#options;
    const { topic, retain: retained } = packet;
    if (!integrators!.isSet(topic)) return 'integrators only publish to …/set';
    // A will is said when a client is gone: nobody would see what it did.
    if (client.closed) return 'a will is not carried out';
    if (packet.payload.length > MAX_SET_BYTES) return `it has more than ${MAX_SET_BYTES} bytes`;
    packet.retain = false;
    const payload = payloadOf(packet);
    integrators!.onSet({ topic, payload, account, from: addressOf(client), retained });
    return null;
  }

  /** Why not; null when it is taken. It is no topic of others: the hub alone hears it, and nothing of it is kept here. */
  #takeForeign(account: string, packet: PublishPacket): string | null {
    const { publishers } = this.#options;
    const { topic } = packet;
    if (!publishers!.mayPublish(account, topic)) return 'a source only publishes to its own topics';
    if (packet.payload.length > MAX_MESSAGE_BYTES) return TOO_LONG;
    packet.retain = false;
    const payload = payloadOf(packet);
    publishers!.onPublish({ account, topic, payload });
    return null;
  }

  #mayHear({ gateway, integrator, publisher }: NamedClient, topic: string): boolean {
    if (gateway !== undefined) return true;
    if (publisher !== undefined) return this.#options.publishers?.mayHear(publisher, topic) ?? false;
    return integrator !== undefined && (this.#options.integrators?.mayHear(integrator, topic) ?? false);
  }

  /** aedes takes `$share/…` for a literal topic and delivers nothing, so that is refused with everything else. */
  #maySubscribe(client: NamedClient, filter: string): boolean {
    if (client.integrator !== undefined) return this.#mayListen(client, client.integrator, filter);
    if (client.publisher !== undefined && this.#options.publishers?.mayListen(client.publisher, filter)) {
      return this.#mayListen(client, client.publisher, filter);
    }
    const topic = parseTopic(filter);
    const own = topic?.gateway === client.gateway && (HUB_TOPICS as readonly string[]).includes(topic?.kind ?? '');
    if (!own) this.#options.log.warn({ gateway: client.gateway, filter }, 'subscription refused: not its own topic');
    return own;
  }

  #mayListen(client: NamedClient, account: string, filter: string): boolean {
    const { log } = this.#options;
    if (filter.startsWith('$')) {
      log.warn({ account, filter }, 'subscription refused: subscribe to the topics themselves, without $share');
      return false;
    }
    const tooMany = tooManySubscriptions(client);
    if (tooMany === null) return true;
    log.warn({ account, filter }, `subscription refused: ${tooMany}`);
    return false;
  }
}

function refusal(returnCode: number, words: string): AuthenticateError {
  return Object.assign(new Error(words), { returnCode }) as AuthenticateError;
}

/** The certificate that a client has shown; that it has its key, TLS has made sure of. */
function shownBy({ conn }: Client): X509Certificate | undefined {
  return (conn as Partial<TLSSocket>).getPeerX509Certificate?.();
}

function gatewayRefusal(gateway: string | undefined, { topic, payload }: PublishPacket): string | null {
  const parsed = parseTopic(topic);
  const own = parsed?.gateway === gateway && (GATEWAY_TOPICS as readonly string[]).includes(parsed?.kind ?? '');
  if (!own) return 'a gateway only publishes to its own topics';
  return payload.length > MAX_MESSAGE_BYTES ? TOO_LONG : null;
}

function addressOf({ conn }: Client): string {
  return (conn as Partial<TLSSocket>).remoteAddress ?? '';
}

function nameOf({ gateway, integrator, publisher }: NamedClient): string {
  return gateway ?? integrator ?? publisher ?? '';
}
