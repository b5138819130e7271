/**
 * The link to the hub: one MQTT connection at a time, the records of the buffer in order, and the hub's word on
 * what it has committed. A broker's PUBACK moves nothing here: brokers lose acknowledged messages.
 *
 * After each connect the gateway says hello and sends nothing until the hub has said where it stands. From then on
 * it keeps a window of records in flight. When the hub reports a hole, or is silent although records are in
 * flight, the link goes back to what is committed and sends again; the hub passes over what it has already.
 *
 * The buffer's lanes are sequences of their own. What is urgent goes before samples, however many of them wait.
 */
import {
  type FleetAnswer,
  type FleetCommand,
  MAX_ANSWER_CHARACTERS,
  MAX_CONFIG_CHARACTERS,
  PIECE_CHARACTERS,
} from '@lineside/shared/contracts/fleet.ts';
import {
  type AcknowledgeCommand,
  Command,
  type CommandReply,
  Committed,
  type ConfigPushCommand,
  type ConfigPushResult,
  type GatewayStatus,
  type TagWriteCommand,
} from '@lineside/shared/contracts/link.ts';
import { topicOf } from '@lineside/shared/contracts/topics.ts';
import type { WriteOutcome } from '@lineside/shared/contracts/write.ts';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { type MqttEndpoint, mqttReason, openMqtt } from '@lineside/shared/mqtt/open-client.ts';
import { Backoff } from '@lineside/shared/time/backoff.ts';
import { writeEnvelope } from '@lineside/shared/wire/envelope.ts';
import type { MqttClient } from 'mqtt';
import { Value } from 'typebox/value';
import { CatchUpRate } from './catch-up-rate.ts';
import { HubClock } from './hub-clock.ts';
import { type LinkCertificate, renewWhenDue } from './link-certificate.ts';
import { type LinkBuffer, LinkLane, type LinkRecord } from './link-lane.ts';

export interface HubLinkOptions {
  gateway: string;
  /** The broker at the hub; the gateway comes in by its id. */
  endpoint: Omit<MqttEndpoint, 'username'>;
  /** The lane of samples. */
  buffer: LinkBuffer;
  /** The lane of alarms and events, which goes before. */
  urgent?: LinkBuffer;
  /** The gateway's present state, for the retained status. */
  status(): GatewayStatus;

  /** Gives the words of whoever refuses it for good; empty when nobody does. */
  onAcknowledge(command: AcknowledgeCommand): Promise<string>;
  /**
   * Sets a tag for the hub, once for each id. Never rejects.
   *
   * @param notAfter when it must not be carried out any more, on the clock of `performance.now()`
   */
  onWrite(command: TagWriteCommand, notAfter: number): Promise<WriteOutcome>;
  /** Takes over a configuration for the hub, as `onWrite` a value. Never rejects. Absent: none is taken. */
  onConfig?(command: ConfigPushCommand, notAfter: number): Promise<ConfigPushResult>;
  /** Does what else the hub asks. Never rejects. Absent: nothing is done. */
  onFleet?(command: FleetCommand, notAfter: number, progress: (words: string) => void): Promise<FleetAnswer>;
  /** By which it comes in, and what renews it. Absent: it comes in by a password. */
  certificate?: LinkCertificate | undefined;
  /** How fast a backlog may be sent; 0: as fast as the hub takes it. */
  catchUpKiBPerSecond?: number;
  log: Logger;
  now(): number;
}

export interface LinkState {
  connected: boolean;
  since: number;
  /** Why there is no connection; empty while there is. */
  reason: string;
  recordsSent: number;
}

const STATUS_MS = 5_000;
/** With records in flight and no answer for so long, the link asks the hub where it stands. */
const SILENCE_MS = 5_000;
/** A new connection on which the hub does not answer the hello for so long is given up. */
const HELLO_MS = 15_000;
/** At a broker of its own the hub may come back later than the gateway and miss its hello: it is said again so often. */
const HELLO_AGAIN_MS = 2_000;
/** At the end, the hub gets so long to commit the last records; what it does not stays on disk. */
const LAST_RECORDS_MS = 900;
/** More records than these that have not been sent are a backlog; fewer are on their way. */
const BACKLOG_RECORDS = 8;
/** So many of what was asked are remembered. */
const MAX_ASKED = 50;
/** With more than this unsent, what is shown would only come late. Bytes. */
const SHOWN_BYTES = 1024 * 1024;
/** What the hub says fits into a few hundred bytes, but for a configuration. */
const MAX_MESSAGE_BYTES = 4 * MAX_CONFIG_CHARACTERS;

export class HubLink {
  readonly #options: HubLinkOptions;
  /** In the order in which they may send. */
  readonly #lanes: LinkLane[];
  readonly #hubClock = new HubClock();
  readonly #backoff = new Backoff(500, 15_000);
  #client: MqttClient | undefined;
  #timers: NodeJS.Timeout[] = [];
  #retry: NodeJS.Timeout | undefined;
  #statusSoon: NodeJS.Timeout | undefined;
  #stopped = true;
  #pumping = false;
  #answers: Promise<void> = Promise.resolve();
  #helloAt = 0;
  /** When it was last said on this connection; 0 before that. */
  #saidAt = 0;
  #state: LinkState;
  #whenCaughtUp: () => void = () => undefined;
  readonly #catchUp: CatchUpRate;
  #pumpLater: NodeJS.Timeout | undefined;
  /** The newest of what the hub has asked, for a broker may deliver it again. */
  #asked: string[] = [];

  constructor(options: HubLinkOptions) {
    const { buffer, urgent, log } = options;
    this.#options = options;
    this.#lanes = (urgent ? [urgent, buffer] : [buffer]).map((lane) => new LinkLane(lane, log));
    this.#catchUp = new CatchUpRate(options.catchUpKiBPerSecond ?? 0);
    this.#state = { connected: false, since: options.now(), reason: 'not started', recordsSent: 0 };
  }

  start(): void {
    this.#stopped = false;
    this.#connect();
  }

  /** Lets the hub have the last records and says goodbye, where it can, and closes. Idempotent. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    clearTimeout(this.#retry);
    const client = this.#client;
    if (client?.connected) {
      await this.#lastRecords();
      const offline = JSON.stringify({ ...this.#options.status(), online: false });
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 500);
        client.publish(this.#topic('status'), offline, { qos: 1, retain: true }, () => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    this.#drop('stopped');
  }

  state(): LinkState {
    return this.#state;
  }

  /**
   * The buffer has a new record, or another epoch.
   *
   * @param record of the lane of samples: while a backlog is before it, it is shown to the hub at once all the same
   */
  notify(record?: LinkRecord): void {
    if (!this.#ready) return;
    if (this.#lanes.some((lane) => lane.isReborn)) {
      this.#hello();
      return;
    }
    void this.#pump();
    if (record && this.#samples.unsent > BACKLOG_RECORDS) this.#show(record);
  }

  /** Something in the status changed: tell the hub soon, but not at every change of a flapping device. */
  statusChanged(): void {
    if (this.#statusSoon || !this.#ready) return;
    this.#statusSoon = setTimeout(() => {
      this.#statusSoon = undefined;
      this.#publishStatus();
    }, 200);
  }

  /** For those who look at the present. It is stored when its turn comes, so it may get lost here. */
  #show({ seq, prev, payload }: LinkRecord): void {
    const client = this.#client;
    if (!client?.connected || client.stream.writableLength > SHOWN_BYTES) return;
    const envelope = writeEnvelope({ epoch: this.#options.buffer.epoch, seq, prev, batch: payload });
    client.publish(this.#topic('live'), envelope, { qos: 0 });
  }

  /** A backlog waits for its rate; what is urgent does not. */
  #mustWait(lane: LinkLane): boolean {
    if (lane !== this.#samples || lane.unsent <= BACKLOG_RECORDS) return false;
    const wait = this.#catchUp.waitMs(performance.now());
    if (wait === 0) return false;
    this.#pumpLater ??= setTimeout(() => {
      this.#pumpLater = undefined;
      void this.#pump();
    }, wait);
    return true;
  }

  /** Without them, the hub would learn what the devices said last only after the next start. */
  async #lastRecords(): Promise<void> {
    if (!this.#ready || this.#caughtUp) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, LAST_RECORDS_MS);
      this.#whenCaughtUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  get #samples(): LinkLane {
    return this.#lanes.at(-1)!;
  }

  get #caughtUp(): boolean {
    return this.#lanes.every((lane) => lane.caughtUp);
  }

  /** The hub has said where it stands in every lane. */
  get #ready(): boolean {
    return this.#lanes.every((lane) => lane.ready);
  }

  get #who() {
    const { gateway: name, certificate } = this.#options;
    const passwordSetting = certificate ? 'hub.identityDir' : 'hub.passwordFile';
    return { name, nameSetting: 'gateway.id', passwordSetting, byCertificate: certificate !== undefined };
  }

  #topic(kind: Parameters<typeof topicOf>[1]): string {
    return topicOf(this.#options.gateway, kind);
  }

  #connect(): void {
    const { endpoint, gateway, certificate, log } = this.#options;
    const problem = certificate?.problem() ?? '';
    if (problem !== '') {
      this.#lost(undefined, problem);
      return;
    }
    let client: MqttClient;
    try {
      client = openMqtt(
        { ...endpoint, username: gateway },
        {
          clientId: gateway,
          will: {
            topic: this.#topic('status'),
            payload: Buffer.from(JSON.stringify({ ...this.#options.status(), online: false })),
            qos: 1,
            retain: true,
          },
        },
      );
    } catch (error) {
      this.#lost(undefined, messageOf(error));
      return;
    }
    this.#client = client;
    this.#hubClock.reset();
    client.on('connect', () => this.#connected(client));
    client.on('message', (topic, payload) => this.#message(client, topic, payload));
    client.on('error', (error) => this.#lost(client, mqttReason(error, this.#who)));
    client.on('close', () => this.#lost(client, 'the connection was closed'));
    log.debug({ url: endpoint.url }, 'connecting to the hub');
  }

  #connected(client: MqttClient): void {
    this.#saidAt = 0;
    // From here on, so that a broker that never answers the subscription is given up like a silent hub.
    this.#helloAt = this.#options.now();
    this.#timers = [
      setInterval(() => this.#publishStatus(), STATUS_MS),
      setInterval(() => this.#supervise(client), 1_000),
    ];
    const topics = [this.#topic('committed'), this.#topic('command')];
    client.subscribe(topics, { qos: 1 }, (error, granted) => {
      if (client !== this.#client) return;
      const refused = error || (granted ?? []).some((grant) => grant.qos === 128);
      if (refused) {
        this.#lost(
          client,
          `the broker refuses the topics ${topics.join(', ')}; check the gateway's rights at the hub`,
        );
        return;
      }
      this.#hello();
    });
    const { certificate, log } = this.#options;
    if (!certificate) return;
    this.#timers.push(
      renewWhenDue({
        ...{ certificate, client, log },
        topics: { certificate: this.#topic('certificate'), renew: this.#topic('renew') },
        isCurrent: () => client === this.#client,
      }),
    );
  }

  /** What is in flight is sent again: the hub passes over what it has. */
  async #takeCertificate(client: MqttClient, message: unknown): Promise<void> {
    if (!(await this.#options.certificate?.answered(message)) || client !== this.#client || this.#stopped) return;
    this.#drop('coming in by its new certificate');
    this.#connect();
  }

  #hello(): void {
    this.#helloAt = this.#options.now();
    this.#sayHello();
  }

  #sayHello(): void {
    this.#saidAt = this.#options.now();
    for (const lane of this.#lanes) {
      this.#client?.publish(this.#topic('hello'), JSON.stringify(lane.hello()), { qos: 1 });
    }
    this.#publishStatus();
  }

  #publishStatus(): void {
    if (!this.#client?.connected) return;
    this.#client.publish(this.#topic('status'), JSON.stringify(this.#options.status()), { qos: 1, retain: true });
  }

  /** Notices a hub that does not answer on a connection that looks sound. */
  #supervise(client: MqttClient): void {
    const now = this.#options.now();
    if (!this.#ready) {
      // A hub that has answered on this connection before is asked because of its silence: the connection is dead.
      const patience = this.#state.connected ? SILENCE_MS : HELLO_MS;
      if (Math.abs(now - this.#helloAt) > patience)
        this.#lost(client, 'the broker is there, but the hub does not answer');
      else if (this.#saidAt > 0 && Math.abs(now - this.#saidAt) > HELLO_AGAIN_MS) this.#sayHello();
      return;
    }
    if (this.#lanes.some((lane) => lane.silentFor(now) > SILENCE_MS)) {
      this.#options.log.warn('the hub has not committed for a while; asking where it stands');
      this.#hello();
      return;
    }
    // A read of the buffer that failed is tried again.
    for (const lane of this.#lanes) lane.tryAgain();
    void this.#pump();
  }

  #message(client: MqttClient, topic: string, payload: Buffer): void {
    if (client !== this.#client) return;
    const message = payload.length <= MAX_MESSAGE_BYTES ? parse(payload) : undefined;
    if (topic === this.#topic('committed') && Value.Check(Committed, message)) {
      if (message.at !== undefined) this.#hubClock.heard(message.at, performance.now());
      // One after the other: the second must find what the first has changed.
      this.#answers = this.#answers.then(() => this.#committed(client, message));
    } else if (topic === this.#topic('certificate')) void this.#takeCertificate(client, message);
    else if (topic === this.#topic('command') && Value.Check(Command, message)) this.#command(message);
    else this.#options.log.warn({ topic, bytes: payload.length }, 'message from the hub not understood; passed over');
  }

  async #committed(client: MqttClient, answer: Committed): Promise<void> {
    const { now, log } = this.#options;
    const lane = this.#lanes.find(({ buffer }) => buffer.epoch === answer.epoch);
    const isCurrent = () => client === this.#client && lane?.buffer.epoch === answer.epoch;
    if (!lane || lane.isReborn || !isCurrent()) return;
    await lane.answered(answer, isCurrent, now);
    if (!isCurrent()) return;
    if (this.#ready && !this.#state.connected) {
      const { committedSeq, newestSeq } = this.#options.buffer;
      this.#backoff.reset();
      log.info({ committed: committedSeq, newest: newestSeq }, 'hub link up');
      this.#state = { ...this.#state, connected: true, since: now(), reason: '' };
    }
    if (this.#caughtUp) this.#whenCaughtUp();
    void this.#pump();
  }

  async #carryOut(command: Command): Promise<void> {
    const { onWrite, onConfig, onAcknowledge } = this.#options;
    if (command.type === 'alarm.acknowledge') {
      const error = await onAcknowledge(command);
      if (error) this.#reply({ type: command.type, occurrence: command.occurrence, error });
      return;
    }
    const notAfter = this.#hubClock.monotonicAt(command.expiresAt);
    if (command.type === 'tag.write') {
      this.#reply({ type: command.type, outcome: await onWrite(command, notAfter) });
    } else if (command.type === 'fleet') await this.#fleet(command, notAfter);
    else if (onConfig) {
      this.#reply({ type: command.type, id: command.id, result: await onConfig(command, notAfter) });
    }
  }

  /** The answer goes in pieces, so that alarms and data need not wait behind it. */
  async #fleet(command: FleetCommand, notAfter: number): Promise<void> {
    const { id } = command;
    const { onFleet } = this.#options;
    if (!onFleet || this.#asked.includes(id)) return;
    this.#asked = [...this.#asked, id].slice(-MAX_ASKED);
    const answer = await onFleet(command, notAfter, (words) =>
      this.#reply({ type: 'fleet.progress', id, words: words.slice(0, 500) }),
    );
    let text = JSON.stringify(answer);
    if (text.length > MAX_ANSWER_CHARACTERS) {
      const error = `the answer has ${text.length} characters, and ${MAX_ANSWER_CHARACTERS} are taken at most: ask for less`;
      text = JSON.stringify({ ok: false, error });
    }
    const pieces = Math.max(1, Math.ceil(text.length / PIECE_CHARACTERS));
    for (let piece = 0; piece < pieces; piece++) {
      const from = piece * PIECE_CHARACTERS;
      this.#reply({ type: 'fleet', id, piece, pieces, text: text.slice(from, from + PIECE_CHARACTERS) });
    }
  }

  #command(command: Command): void {
    const done = this.#carryOut(command);
    done.catch((error: unknown) => {
      this.#options.log.warn(
        { command: command.type, error: messageOf(error) },
        'command from the hub not carried out',
      );
    });
  }

  /** Whoever waits may have it at once; when the link is down, the event in the buffer has to do. */
  #reply(reply: CommandReply): void {
    if (this.#client?.connected) this.#client.publish(this.#topic('reply'), JSON.stringify(reply), { qos: 1 });
  }

  /** Sends while the window has room. Only one runs at a time, so records leave in order. */
  async #pump(): Promise<void> {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      while (this.#client?.connected) {
        const lane = this.#lanes.find((each) => each.maySend && !this.#mustWait(each));
        if (!lane) break;
        const client = this.#client;
        const record = await lane.next();
        // While the disk was read, the connection may have gone.
        if (!record || !lane.ready || client !== this.#client || !client.connected) continue;
        client.publish(this.#topic('data'), record.envelope, { qos: 1 });
        if (lane.unsent > BACKLOG_RECORDS) this.#catchUp.sent(record.envelope.length, performance.now());
        lane.sent(record.seq, record.envelope.length, this.#options.now());
        this.#state.recordsSent++;
      }
    } catch (error) {
      this.#options.log.error({ error: messageOf(error) }, 'cannot read the buffer; trying again');
    } finally {
      this.#pumping = false;
    }
  }

  #lost(client: MqttClient | undefined, reason: string): void {
    if (client !== this.#client || this.#stopped) return;
    const wait = this.#backoff.next();
    const words = `${reason}; trying again in ${(wait / 1000).toFixed(1)} s`;
    if (this.#state.connected || this.#state.reason === 'not started') {
      this.#options.log.warn({ url: this.#options.endpoint.url, reason }, 'hub link down; samples stay on disk');
    }
    this.#drop(words);
    this.#retry = setTimeout(() => this.#connect(), wait);
  }

  #drop(reason: string): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
    clearTimeout(this.#statusSoon);
    this.#statusSoon = undefined;
    clearTimeout(this.#pumpLater);
    this.#pumpLater = undefined;
    for (const lane of this.#lanes) lane.ready = false;
    const client = this.#client;
    this.#client = undefined;
    client?.end(true);
    const since = this.#state.connected ? this.#options.now() : this.#state.since;
    this.#state = { ...this.#state, connected: false, since, reason };
  }
}

function parse(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString('utf8'));
  } catch {
    return undefined;
  }
}
