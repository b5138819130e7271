/** What gateways say, each kind to where it belongs. */
import { CommandReply, GatewayStatus, Hello } from '@lineside/shared/contracts/link.ts';
import { Value } from 'typebox/value';
import type { AlarmDesk } from './alerts/alarm-desk.ts';
import type { AndonBoard } from './andon/board.ts';
import type { GatewayMessage } from './broker/gateway-bus.ts';
import type { ConfigDesk } from './fleet/config-desk.ts';
import type { FleetDesk } from './fleet/fleet-desk.ts';
import type { Ingest } from './ingest/ingest.ts';
import type { Listener } from './ingest/listener.ts';
import type { ReplicaPart } from './replica-part.ts';
import { FewAtOnce } from './store/postgres/few-at-once.ts';
import { upsertGatewayStatus } from './store/postgres/gateways.ts';
import type { Relational } from './store/postgres/relational.ts';
import type { WriteDesk } from './writes/write-desk.ts';

const STORE_STATUS_MS = 30_000;

export interface ReceiverOptions {
  ingest: Ingest;
  board: AndonBoard;
  alarms: AlarmDesk;
  writes: WriteDesk;
  configs: ConfigDesk;
  fleet: FleetDesk;
  relational: Relational;
  /** @returns whether it was a request at all */
  renew(gateway: string, request: unknown): Promise<boolean>;
  replica: ReplicaPart;
  /** Hears what another hub takes; undefined where nobody here wants to know. */
  listener: Listener | undefined;
  now(): number;
}

export class Receiver {
  readonly #options: ReceiverOptions;
  /** When each gateway's status was last written. */
  readonly #storedAt = new Map<string, number>();
  readonly #few = new FewAtOnce();

  constructor(options: ReceiverOptions) {
    this.#options = options;
  }

  /** Resolves when the next one may come. */
  async take({ gateway, kind, payload, retained }: GatewayMessage): Promise<void> {
    const { ingest, board, alarms, replica, now } = this.#options;
    // A gateway that is there speaks every few seconds; what a broker kept of it says nothing of now.
    if (retained) return;
    board.gateways.heard(gateway, now());
    replica.heard(gateway);
    if (!replica.takes(gateway)) return this.#listen(gateway, kind, payload);
    if (kind === 'data') return ingest.data(gateway, payload);
    if (kind === 'live') return ingest.live(gateway, payload);
    const message = parse(payload);
    if (kind === 'hello' && Value.Check(Hello, message)) {
      await ingest.hello(gateway, message);
      await alarms.repeatFor(gateway);
    } else if (kind === 'reply' && Value.Check(CommandReply, message)) await this.#reply(gateway, message);
    else if (kind === 'status' && Value.Check(GatewayStatus, message) && message.gateway === gateway) {
      await this.#status(gateway, message);
    } else if (kind !== 'renew' || !(await this.#options.renew(gateway, message)))
      await ingest.quarantine(gateway, `a ${kind} message that does not fit its schema`, payload);
  }

  /** Another hub takes, answers and keeps what this gateway says. */
  async #listen(gateway: string, kind: GatewayMessage['kind'], payload: Buffer): Promise<void> {
    const { listener } = this.#options;
    if (kind === 'data') return listener?.data(gateway, payload);
    if (kind === 'live') return listener?.live(gateway, payload);
    const message = parse(payload);
    if (kind === 'reply' && Value.Check(CommandReply, message)) await this.#reply(gateway, message);
    else if (kind === 'status' && Value.Check(GatewayStatus, message) && message.gateway === gateway) {
      this.#show(message);
    }
  }

  async #reply(gateway: string, message: CommandReply): Promise<void> {
    const { alarms, writes, configs, fleet } = this.#options;
    if (message.type === 'tag.write') await writes.replied(gateway, message);
    else if (message.type === 'config.push') configs.replied(gateway, message);
    else if (message.type === 'fleet') fleet.replied(gateway, message);
    else if (message.type === 'fleet.progress') fleet.progress(gateway, message);
    else await alarms.refused(gateway, message);
  }

  async #status(gateway: string, message: GatewayStatus): Promise<void> {
    const { board, relational, now } = this.#options;
    const changed = board.gateways.get(gateway)?.online !== message.online;
    this.#show(message);
    // A status comes every few seconds; on disk it need not be that fresh.
    if (!changed && now() - (this.#storedAt.get(gateway) ?? 0) <= STORE_STATUS_MS) return;
    this.#storedAt.set(gateway, now());
    await this.#few.run(() => upsertGatewayStatus(relational.db, message, now()));
  }

  #show(message: GatewayStatus): void {
    const { board, writes, configs, fleet } = this.#options;
    board.report(message);
    configs.status(message);
    if (message.online) return;
    writes.gone(message.gateway);
    configs.gone(message.gateway);
    fleet.gone(message.gateway);
  }
}

function parse(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString('utf8'));
  } catch {
    return undefined;
  }
}
