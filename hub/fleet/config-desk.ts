/** Sends a gateway its configuration and waits for what it makes of it. Nothing is kept for a gateway that is away. */
import { randomUUID } from 'node:crypto';
import type { ConfigPushCommand, ConfigPushResult, ConfigReply } from '@lineside/shared/contracts/link.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { OwedAnswers } from './owed-answers.ts';

/** A gateway that gets it later does not look at it. Milliseconds. */
const HOLDS_MS = 10_000;

/** Thousands of tags are checked and models rehearsed in this time. Milliseconds. */
const ANSWER_MS = 60_000;

export interface ConfigDeskOptions {
  /** undefined when there is no such gateway. */
  online(gateway: string): boolean | undefined;
  send(gateway: string, command: ConfigPushCommand): void;
  log: Logger;
  now(): number;
  /** Milliseconds; for tests. */
  answerMs?: number;
}

export class ConfigDesk {
  readonly #options: ConfigDeskOptions;
  readonly #waiting = new OwedAnswers<ConfigPushResult>();

  constructor(options: ConfigDeskOptions) {
    this.#options = options;
  }

  /**
   * @param config YAML
   * @throws LinesideError GATEWAY_NOT_FOUND, GATEWAY_OFFLINE, CONFIG_PENDING: it was not sent; CONFIG_UNKNOWN: it may
   *   have been taken over
   */
  async push(by: string, gateway: string, config: string): Promise<ConfigPushResult> {
    const { online, send, log, now } = this.#options;
    const there = online(gateway);
    if (there === undefined) throw new LinesideError('GATEWAY_NOT_FOUND', 'peer', `there is no gateway ${gateway}`);
    if (!there) throw new LinesideError('GATEWAY_OFFLINE', 'outside', `gateway ${gateway} is not connected`);
    if (this.#waiting.isOwedBy(gateway)) {
      throw new LinesideError('CONFIG_PENDING', 'peer', `gateway ${gateway} is taking over another configuration`);
    }
    const at = now();
    const id = randomUUID();
    const result = this.#waiting.wait(gateway, id, this.#options.answerMs ?? ANSWER_MS, () => unknown(gateway));
    send(gateway, { id, type: 'config.push', config, by, at, expiresAt: at + HOLDS_MS });
    log.warn({ gateway, by, bytes: config.length }, 'configuration sent');
    return result;
  }

  replied(gateway: string, { id, result }: ConfigReply): void {
    this.#waiting.settle(gateway, id, result);
  }

  /** A gateway is off line, or the hub ends: nobody waits any more. */
  gone(gateway?: string): void {
    this.#waiting.giveUp(unknown, gateway);
  }
}

function unknown(gateway: string): LinesideError {
  const words = `gateway ${gateway} has not told what it made of it; look at its page, or send it again`;
  return new LinesideError('CONFIG_UNKNOWN', 'outside', words);
}
