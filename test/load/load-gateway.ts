/**
 * One gateway as the hub sees it: says hello, waits for the hub's word on where it stands, keeps a window of records in
 * flight, goes back when the hub has missed something, says how it is every few seconds, and comes again when it was cut.
 */
import { randomBytes } from 'node:crypto';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Committed, GatewayStatus, Hello } from '@lineside/shared/contracts/link.ts';
import { topicOf } from '@lineside/shared/contracts/topics.ts';
import { writeEnvelope } from '@lineside/shared/wire/envelope.ts';
import type { LoadRecords } from './load-records.ts';
import {
  connectPacket,
  MqttPacket,
  PacketSplitter,
  pingPacket,
  pubackPacket,
  publishPacket,
  readPublish,
  subscribePacket,
} from './mqtt-wire.ts';

/** As the gateway's own window. */
const WINDOW_RECORDS = 64;
const KEEP_ALIVE_SECONDS = 60;
const STATUS_MS = 5_000;
/** With records in flight and no answer for so long, the hub is asked where it stands. */
const SILENCE_MS = 5_000;
const RECONNECT_MS = 1_000;

export interface LoadGatewayOptions {
  id: string;
  /** Its place among all. */
  index: number;
  broker: URL;
  password: string;
  ca?: Buffer | undefined;
  records: LoadRecords;
  /** Time of its first record, milliseconds since 1970 UTC. */
  from: number;
  /** As fast as the hub takes it, whatever the time. */
  flatOut: boolean;
  /** A record that was due at `dueAt` (`Date.now`) was committed; `late` when it was part of a backlog. */
  onCommitted(dueAt: number, late: boolean): void;
  onTrouble(what: 'reconnects' | 'resends', words: string): void;
}

export class LoadGateway {
  readonly #options: LoadGatewayOptions;
  readonly #epoch = randomBytes(16).toString('hex');
  readonly #startedAt = Date.now();
  /** Up to here there were records when it began. */
  readonly #backlogSeq: number;
  #socket: Socket | undefined;
  #timers: NodeJS.Timeout[] = [];
  #stopped = false;
  #quiet = false;
  #ready = false;
  #packetId = 1;
  #nextSeq = 1;
  #heardAt = 0;
  /** The hub has said so. */
  committedSeq = 0;
  bytesSent = 0;

  constructor(options: LoadGatewayOptions) {
    this.#options = options;
    this.#backlogSeq = this.newestSeq(this.#startedAt);
  }

  get epoch(): string {
    return this.#epoch;
  }

  get connected(): boolean {
    return this.#ready;
  }

  /** Newest record that there is at this time. */
  newestSeq(now: number): number {
    const { records, from, flatOut } = this.#options;
    if (flatOut) return Number.MAX_SAFE_INTEGER;
    return Math.max(0, Math.floor((now - from) / records.stepMs));
  }

  /** Records that are due and not committed; 0 while it catches up. */
  waiting(now: number): number {
    return this.backlogLeft > 0 ? 0 : this.newestSeq(now) - this.committedSeq;
  }

  get backlogLeft(): number {
    return this.#options.flatOut ? 0 : Math.max(0, this.#backlogSeq - this.committedSeq);
  }

  start(): void {
    const { broker, ca } = this.#options;
    const port = Number(broker.port) || (broker.protocol === 'mqtts:' ? 8_883 : 1_883);
    const host = broker.hostname.replace(/^\[|\]$/g, '');
    const secure = broker.protocol === 'mqtts:';
    const socket = secure
      ? connectTls({ host, port, servername: host, ...(ca ? { ca } : {}) }, () => this.#greet(socket))
      : connectTcp({ host, port }, () => this.#greet(socket));
    this.#socket = socket;
    socket.setNoDelay(true);
    const splitter = new PacketSplitter();
    socket.on('data', (chunk) => splitter.push(chunk, (first, body) => this.#take(socket, first, body)));
    socket.on('drain', () => this.pump());
    socket.on('error', (error) => this.#lost(socket, error.message));
    socket.on('close', () => this.#lost(socket, 'the connection was closed'));
  }

  /** Sends no more records; the hub may still answer. */
  quieten(): void {
    this.#quiet = true;
  }

  get settled(): boolean {
    return this.committedSeq >= this.#nextSeq - 1;
  }

  /** Ends for good. Idempotent. */
  stop(): void {
    this.#stopped = true;
    this.#drop();
  }

  /** Sends what there is, as far as the window goes. */
  pump(now = Date.now()): void {
    const { records, index, from, id } = this.#options;
    const socket = this.#socket;
    if (!this.#ready || this.#quiet || !socket) return;
    const newest = this.newestSeq(now);
    const topic = topicOf(id, 'data');
    let sent = false;
    while (
      this.#nextSeq <= newest &&
      this.#nextSeq - this.committedSeq <= WINDOW_RECORDS &&
      !socket.writableNeedDrain
    ) {
      const seq = this.#nextSeq++;
      if (seq === this.committedSeq + 1) this.#heardAt = now;
      const payload = records.payload(7 * index + seq, from + (seq - 1) * records.stepMs, seq === 1);
      const envelope = writeEnvelope({ epoch: this.#epoch, seq, prev: seq - 1, batch: payload });
      if (!sent) socket.cork();
      sent = true;
      this.#write(publishPacket(topic, this.#nextPacketId(), envelope));
      this.bytesSent += envelope.length;
    }
    if (sent) socket.uncork();
  }

  /** To be called every second or so. */
  supervise(now: number): void {
    if (!this.#ready || this.committedSeq >= this.#nextSeq - 1 || now - this.#heardAt < SILENCE_MS) return;
    this.#options.onTrouble('resends', `${this.#options.id}: the hub is silent; asking where it stands`);
    this.#hello();
  }

  #greet(socket: Socket): void {
    const { id, password } = this.#options;
    const will = { topic: topicOf(id, 'status'), payload: this.#status(false) };
    socket.write(connectPacket(id, password, KEEP_ALIVE_SECONDS, will));
  }

  #take(socket: Socket, first: number, body: Buffer): void {
    const type = first >> 4;
    if (type === MqttPacket.connack) {
      if (body[1] !== 0) {
        this.#lost(socket, `the broker refuses ${this.#options.id} (return code ${body[1]}); check its password`);
        return;
      }
      socket.write(
        subscribePacket((['committed', 'command'] as const).map((kind) => topicOf(this.#options.id, kind))),
      );
    } else if (type === MqttPacket.suback) {
      this.#timers = [
        setInterval(() => this.#publish('status', this.#status(true), true), STATUS_MS),
        setInterval(() => this.#write(pingPacket()), (KEEP_ALIVE_SECONDS / 2) * 1_000),
      ];
      this.#publish('status', this.#status(true), true);
      this.#hello();
    } else if (type === MqttPacket.publish) {
      const { topic, packetId, payload } = readPublish(body, (first >> 1) & 3);
      if (packetId > 0) this.#write(pubackPacket(packetId));
      if (topic.endsWith('/committed')) this.#answered(JSON.parse(payload.toString()) as Committed);
    }
  }

  #hello(): void {
    const now = Date.now();
    this.#ready = false;
    this.#heardAt = now;
    const hello: Hello = { epoch: this.#epoch, oldest: 1, newest: Math.min(this.newestSeq(now), 2 ** 40) };
    this.#publish('hello', JSON.stringify(hello), false);
  }

  #answered({ epoch, seq, resend }: Committed): void {
    if (epoch !== this.#epoch) return;
    const now = Date.now();
    const { records, from, flatOut, onCommitted, onTrouble } = this.#options;
    for (let done = this.committedSeq + 1; done <= seq; done++) {
      // It is due when its last poll is over.
      onCommitted(flatOut ? now : from + done * records.stepMs, done <= this.#backlogSeq && !flatOut);
    }
    if (seq > this.committedSeq) {
      this.committedSeq = seq;
      this.#heardAt = now;
    }
    if (!this.#ready || resend) {
      if (resend && this.#nextSeq > seq + 1) onTrouble('resends', `${this.#options.id}: sends again from ${seq + 1}`);
      this.#nextSeq = seq + 1;
      this.#ready = true;
    }
    this.pump(now);
  }

  #status(online: boolean): Buffer {
    const now = Date.now();
    const { id } = this.#options;
    const pending = Math.min(1e9, Math.max(0, this.newestSeq(now) - this.committedSeq));
    const status: GatewayStatus = {
      ...{ gateway: id, online, at: now, version: 'load', startedAt: this.#startedAt },
      buffer: {
        epoch: this.#epoch,
        pendingRecords: pending,
        pendingSamples: pending * this.#options.records.samples,
        bytes: 0,
      },
      devices: [
        {
          ...{ device: 'machine', driver: 'load', endpoint: 'none', state: 'up', since: this.#startedAt, reason: '' },
          ...{ lastGoodAt: now, requests: this.#nextSeq, errors: 0, missed: 0 },
        },
      ],
    };
    return Buffer.from(JSON.stringify(status));
  }

  #publish(kind: 'status' | 'hello', payload: string | Buffer, retain: boolean): void {
    this.#write(publishPacket(topicOf(this.#options.id, kind), this.#nextPacketId(), Buffer.from(payload), retain));
  }

  #write(bytes: Buffer): void {
    if (this.#socket?.writable) this.#socket.write(bytes);
  }

  #nextPacketId(): number {
    this.#packetId = (this.#packetId % 65_535) + 1;
    return this.#packetId;
  }

  #lost(socket: Socket, words: string): void {
    if (socket !== this.#socket) return;
    this.#drop();
    if (this.#stopped) return;
    this.#options.onTrouble('reconnects', `${this.#options.id}: ${words}`);
    setTimeout(
      () => {
        if (!this.#stopped) this.start();
      },
      RECONNECT_MS * (0.5 + Math.random()),
    );
  }

  #drop(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
    this.#ready = false;
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.destroy();
  }
}
