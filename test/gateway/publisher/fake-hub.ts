/** A real broker with a hub behind it that answers only what a test tells it to. */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { CommandReply, Committed, GatewayStatus, Hello } from '@lineside/shared/contracts/link.ts';
import { GATEWAY_TOPICS } from '@lineside/shared/contracts/topics.ts';
import { readEnvelope } from '@lineside/shared/wire/envelope.ts';
import { Aedes } from 'aedes';

export const GATEWAY = 'line-1';
export const PASSWORD = 'secret';

export class FakeHub {
  port = 0;
  password = PASSWORD;
  /** Topics that the broker does not let the gateway hear. */
  refuse: string[] = [];
  connections = 0;
  /** Kinds of all messages of the gateway, in order. */
  readonly heard: string[] = [];
  readonly hellos: Hello[] = [];
  /** Seqs of the data, in order of arrival. */
  readonly seqs: number[] = [];
  /** Seqs of what was shown before its turn. */
  readonly shown: number[] = [];
  /** The same, with their lanes. */
  readonly records: { epoch: string; seq: number }[] = [];
  readonly statuses: { status: GatewayStatus; retained: boolean }[] = [];
  readonly replies: CommandReply[] = [];
  onHello: (hello: Hello) => void = () => {};
  onData: (seq: number, prev: number) => void = () => {};
  #broker: Aedes | undefined;
  #server: Server | undefined;
  readonly #sockets = new Set<Socket>();

  /** Starts, or starts again on the same port. */
  async start(): Promise<this> {
    const broker = await Aedes.createBroker({
      authenticate: (_client, user, password, done) => {
        if (user === GATEWAY && String(password) === this.password) done(null, true);
        else done(Object.assign(new Error('no'), { returnCode: 5 }), false);
      },
      authorizeSubscribe: (_client, subscription, done) =>
        done(null, this.refuse.some((kind) => subscription.topic.endsWith(kind)) ? null : subscription),
    });
    broker.on('publish', (packet) => this.#take(packet.topic, packet.payload as Buffer, packet.retain));
    const server = createServer((socket) => {
      this.connections++;
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      broker.handle(socket);
    });
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
    this.port = (server.address() as AddressInfo).port;
    this.#broker = broker;
    this.#server = server;
    return this;
  }

  async kill(): Promise<void> {
    const [broker, server] = [this.#broker, this.#server];
    this.#broker = this.#server = undefined;
    for (const socket of this.#sockets) socket.destroy();
    if (server) await new Promise<void>((resolve) => server.close(() => resolve()));
    if (broker) await new Promise<void>((resolve) => broker.close(() => resolve()));
  }

  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  answer(committed: Partial<Committed>, epoch = this.hellos.at(-1)!.epoch): void {
    this.say('committed', JSON.stringify({ epoch, seq: 0, resend: false, ...committed }));
  }

  say(kind: 'committed' | 'command', payload: string | Buffer): void {
    const topic = `lineside/v1/${GATEWAY}/${kind}`;
    this.#broker!.publish(
      { cmd: 'publish', topic, payload: Buffer.from(payload), qos: 1, retain: false, dup: false },
      () => {},
    );
  }

  /** From now on behaves as a hub does: commits what comes in order, asks again for what is missing. */
  commitAll(from = 0): void {
    let committed = from;
    this.onHello = () => this.answer({ seq: committed });
    this.onData = (seq, prev) => {
      const fits = prev <= committed;
      if (fits) committed = Math.max(committed, seq);
      this.answer({ seq: committed, resend: !fits });
    };
    if (this.#broker && this.hellos.length > 0) this.answer({ seq: committed });
  }

  #take(topic: string, payload: Buffer, retained: boolean): void {
    const kind = topic.startsWith('lineside/') ? topic.split('/')[3]! : '';
    if (!(GATEWAY_TOPICS as readonly string[]).includes(kind)) return;
    this.heard.push(kind);
    if (kind === 'hello') {
      const hello = JSON.parse(payload.toString()) as Hello;
      this.hellos.push(hello);
      this.onHello(hello);
    } else if (kind === 'data') {
      const { epoch, seq, prev } = readEnvelope(payload);
      this.seqs.push(seq);
      this.records.push({ epoch, seq });
      this.onData(seq, prev);
    } else if (kind === 'live') this.shown.push(readEnvelope(payload).seq);
    else if (kind === 'reply') this.replies.push(JSON.parse(payload.toString()) as CommandReply);
    else this.statuses.push({ status: JSON.parse(payload.toString()) as GatewayStatus, retained });
  }
}
