/**
 * Sends a gateway its configuration, and confirms it once the gateway is seen with it. Until then the gateway has it on
 * trial, and goes back by itself.
 */
import { createHash, randomUUID } from 'node:crypto';
import type {
  ConfigPushCommand,
  ConfigPushResult,
  ConfigReply,
  GatewayStatus,
} from '@lineside/shared/contracts/link.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { Actor, AuditNote } from '../store/postgres/audit.ts';
import { expectOnline, type FleetDesk } from './fleet-desk.ts';
import { OwedAnswers } from './owed-answers.ts';

/** A gateway that gets it later does not look at it. Milliseconds. */
const HOLDS_MS = 10_000;
/** Thousands of tags are checked and models rehearsed in this time. Milliseconds. */
const ANSWER_MS = 60_000;
/** A gateway says every 5 s how it is. Milliseconds. */
const CONFIRM_MS = 30_000;
/** A gateway that starts anew is back after this, also when it reads a long buffer first. Milliseconds. */
const RESTART_MS = 120_000;
/** The confirmation is on its way for less than this. Milliseconds. */
const LAST_MS = 5_000;

export interface ConfigDeskOptions {
  /** undefined when there is no such gateway. */
  online(gateway: string): boolean | undefined;
  /** SHA-256 of the configuration that it runs; empty when it has not told. */
  configOf(gateway: string): string;
  send(gateway: string, command: ConfigPushCommand): void;
  fleet: Pick<FleetDesk, 'ask'>;
  /** Into the audit log. Never rejects. */
  note(note: AuditNote): Promise<void>;
  log: Logger;
  now(): number;
  /** Milliseconds; for tests. */
  answerMs?: number;
  restartMs?: number;
}

export class ConfigDesk {
  readonly #options: ConfigDeskOptions;
  readonly #waiting = new OwedAnswers<ConfigPushResult>();
  /** Gateways whose configuration is on its way or on trial. */
  readonly #busy = new Set<string>();
  readonly #seen = new Map<string, (status: GatewayStatus) => void>();

  constructor(options: ConfigDeskOptions) {
    this.#options = options;
  }

  /**
   * @param config YAML
   * @param confirmWithinMs a gateway that is not seen with it for so long has gone back to what it had
   * @param restart where settings need one, the gateway starts anew with it, and has it on trial from then on
   * @throws LinesideError GATEWAY_NOT_FOUND, GATEWAY_OFFLINE, CONFIG_PENDING: it was not sent; CONFIG_UNKNOWN: nobody has
   *   told what became of it, and unless it is confirmed it goes
   */
  async push(
    actor: Actor,
    gateway: string,
    config: string,
    confirmWithinMs = CONFIRM_MS,
    restart = false,
  ): Promise<ConfigPushResult> {
    const { online, configOf } = this.#options;
    expectOnline(gateway, online(gateway));
    if (this.#busy.has(gateway)) {
      throw new LinesideError('CONFIG_PENDING', 'peer', `gateway ${gateway} is taking over another configuration`);
    }
    this.#busy.add(gateway);
    const before = configOf(gateway);
    try {
      const result = await this.#send(actor.name, gateway, { config, confirmWithinMs, restart });
      await this.#note(actor, gateway, before, config, result);
      return result;
    } catch (error) {
      await this.#note(actor, gateway, before, config, messageOf(error));
      throw error;
    } finally {
      this.#busy.delete(gateway);
    }
  }

  async #send(
    by: string,
    gateway: string,
    wish: Pick<ConfigPushCommand, 'config' | 'confirmWithinMs' | 'restart'>,
  ): Promise<ConfigPushResult> {
    const { send, log, now } = this.#options;
    const at = now();
    const id = randomUUID();
    const answer = this.#waiting.wait(gateway, id, this.#options.answerMs ?? ANSWER_MS, () => unknown(gateway));
    send(gateway, { id, type: 'config.push', ...wish, by, at, expiresAt: at + HOLDS_MS });
    log.warn({ gateway, by, bytes: wish.config.length }, 'configuration sent');
    const result = await answer;
    return result.trial ? this.#confirm(by, gateway, id, result, wish.confirmWithinMs) : result;
  }

  /** The file itself may hold secrets: it is named by its hash. */
  async #note(
    actor: Actor,
    gateway: string,
    before: string,
    config: string,
    became: ConfigPushResult | string,
  ): Promise<void> {
    const { note, now } = this.#options;
    const asked = { sha256: createHash('sha256').update(config).digest('hex'), characters: config.length };
    const { outcome, after } =
      typeof became === 'string'
        ? ({ outcome: 'unknown', after: { ...asked, error: became } } as const)
        : { outcome: outcomeOf(became), after: { ...asked, ...factsOf(became) } };
    await note({
      ...{ actor, action: 'gateway.configure', target: gateway, outcome, at: now() },
      ...(before && { before: { sha256: before } }),
      after,
    });
  }

  replied(gateway: string, { id, result }: ConfigReply): void {
    this.#waiting.settle(gateway, id, result);
  }

  /** A gateway says how it is. */
  status(status: GatewayStatus): void {
    this.#seen.get(status.gateway)?.(status);
  }

  /** A gateway is off line, or the hub ends: nobody waits for an answer any more. One on trial may come back in time. */
  gone(gateway?: string): void {
    this.#waiting.giveUp(unknown, gateway);
  }

  async #confirm(
    by: string,
    gateway: string,
    push: string,
    result: ConfigPushResult,
    confirmWithinMs: number,
  ): Promise<ConfigPushResult> {
    const { fleet, log } = this.#options;
    const { trial: _trial, ...found } = result;
    // What waited for a restart has had it.
    const applied = found.restarted ? { ...found, needsRestart: [] } : found;
    try {
      await this.#untilSeen(
        gateway,
        result.sha256,
        confirmWithinMs + (found.restarted ? (this.#options.restartMs ?? RESTART_MS) : 0),
      );
      await fleet.ask(by, gateway, { what: 'config.confirm', push }, { patienceMs: LAST_MS });
      log.warn({ gateway, by, sha256: result.sha256 }, 'configuration confirmed');
      return applied;
    } catch (error) {
      const code = error instanceof LinesideError ? error.code : '';
      if (code === 'GATEWAY_SILENT') throw unknown(gateway);
      log.error({ gateway, by, error: messageOf(error) }, 'configuration not confirmed; the gateway goes back');
      return { ...applied, result: 'rolledBack', problems: [messageOf(error)] };
    }
  }

  #untilSeen(gateway: string, sha256: string, ms: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (error?: Error) => {
        clearTimeout(timer);
        this.#seen.delete(gateway);
        if (error) reject(error);
        else resolve();
      };
      const timer = setTimeout(() => {
        const words = `gateway ${gateway} took it over and was not seen with it within ${ms / 1_000} s: it goes back to what it had`;
        end(new LinesideError('CONFIG_NOT_SEEN', 'outside', words));
      }, ms);
      let begun: number | undefined;
      this.#seen.set(gateway, ({ online, configSha256, startedAt }) => {
        if (online && configSha256 === sha256) end();
        begun ??= startedAt;
        // Another process with another configuration: nobody need wait for the first one any more.
        if (!online || startedAt === begun || configSha256 === sha256) return;
        const words = `gateway ${gateway} has started anew with what it had before; its log says why`;
        end(new LinesideError('CONFIG_NOT_SEEN', 'outside', words));
      });
    });
  }
}

function outcomeOf({ result }: ConfigPushResult): AuditNote['outcome'] {
  return result === 'applied' || result === 'unchanged' ? 'done' : 'failed';
}

/** What there is to tell of it. */
function factsOf({ result, restarted, changes, needsRestart, problems }: ConfigPushResult) {
  const { added, changed, removed } = changes;
  const lists = Object.entries({ added, changed, removed, needsRestart, problems });
  return {
    result,
    ...(restarted && { restarted }),
    ...Object.fromEntries(lists.filter(([, list]) => list.length > 0)),
  };
}

function unknown(gateway: string): LinesideError {
  const words = `gateway ${gateway} has not told what it made of it; look at the hash of its configuration, or send it again`;
  return new LinesideError('CONFIG_UNKNOWN', 'outside', words);
}
