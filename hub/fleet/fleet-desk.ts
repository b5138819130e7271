/** Asks gateways, and puts their answers together again. Nothing is kept for a gateway that is away. */
import { randomUUID } from 'node:crypto';
import {
  type FleetAnswer,
  type FleetAsk,
  type FleetCommand,
  type FleetProgress,
  type FleetReply,
  MAX_ANSWER_CHARACTERS,
} from '@lineside/shared/contracts/fleet.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { OwedAnswers } from './owed-answers.ts';

/** A gateway that gets it later does not begin. Milliseconds. */
const HOLDS_MS = 10_000;
/** So much is asked of one gateway at a time. */
const MOST_ASKED = 4;

export interface FleetDeskOptions {
  /** undefined when there is no such gateway. */
  online(gateway: string): boolean | undefined;
  send(gateway: string, command: FleetCommand): void;
  log: Logger;
  now(): number;
}

interface Asked {
  gateway: string;
  pieces: string[];
  missing: number;
  onProgress(words: string): void;
}

export class FleetDesk {
  readonly #options: FleetDeskOptions;
  readonly #owed = new OwedAnswers<FleetAnswer>();
  readonly #asked = new Map<string, Asked>();

  constructor(options: FleetDeskOptions) {
    this.#options = options;
  }

  /**
   * @param patienceMs after which nobody waits any more
   * @throws LinesideError GATEWAY_NOT_FOUND, GATEWAY_OFFLINE, GATEWAY_BUSY: it was not sent; GATEWAY_SILENT: nobody
   *   knows; GATEWAY_REFUSED with the gateway's own words
   */
  async ask<T>(
    by: string,
    gateway: string,
    ask: FleetAsk,
    { patienceMs, onProgress = () => undefined }: { patienceMs: number; onProgress?: (words: string) => void },
  ): Promise<T> {
    const { send, log, now } = this.#options;
    expectOnline(gateway, this.#options.online(gateway));
    if ([...this.#asked.values()].filter((asked) => asked.gateway === gateway).length >= MOST_ASKED) {
      throw new LinesideError('GATEWAY_BUSY', 'peer', `gateway ${gateway} is asked ${MOST_ASKED} things already`);
    }
    const at = now();
    const id = randomUUID();
    this.#asked.set(id, { gateway, pieces: [], missing: -1, onProgress });
    try {
      const answer = this.#owed.wait(gateway, id, patienceMs, () => silent(gateway));
      send(gateway, { id, type: 'fleet', ask, by, at, expiresAt: at + HOLDS_MS });
      if (ask.what !== 'logs' && ask.what !== 'config.read')
        log.info({ gateway, by, what: ask.what }, 'gateway asked');
      const given = await answer;
      if (!given.ok) throw new LinesideError('GATEWAY_REFUSED', 'outside', `gateway ${gateway}: ${given.error}`);
      return given.value as T;
    } finally {
      this.#asked.delete(id);
    }
  }

  replied(gateway: string, { id, piece, pieces, text }: FleetReply): void {
    const asked = this.#asked.get(id);
    if (asked?.gateway !== gateway || piece >= pieces || asked.pieces[piece] !== undefined) return;
    if (asked.missing < 0) asked.missing = pieces;
    asked.pieces[piece] = text;
    asked.missing--;
    if (asked.missing > 0) return;
    const whole = asked.pieces.join('');
    this.#owed.settle(gateway, id, whole.length > MAX_ANSWER_CHARACTERS ? TOO_LONG : parse(whole));
  }

  progress(gateway: string, { id, words }: FleetProgress): void {
    const asked = this.#asked.get(id);
    if (asked?.gateway === gateway) asked.onProgress(words);
  }

  /** A gateway is off line, or the hub ends: nobody waits any more. */
  gone(gateway?: string): void {
    this.#owed.giveUp(silent, gateway);
  }
}

/** @throws LinesideError GATEWAY_NOT_FOUND, GATEWAY_OFFLINE */
export function expectOnline(gateway: string, online: boolean | undefined): void {
  if (online === undefined) throw new LinesideError('GATEWAY_NOT_FOUND', 'peer', `there is no gateway ${gateway}`);
  if (!online) throw new LinesideError('GATEWAY_OFFLINE', 'outside', `gateway ${gateway} is not connected`);
}

const TOO_LONG: FleetAnswer = { ok: false, error: 'the answer is longer than an answer may be' };

function parse(text: string): FleetAnswer {
  try {
    const answer = JSON.parse(text) as FleetAnswer;
    if (answer.ok || typeof answer.error === 'string') return answer;
  } catch {
    // Falls through.
  }
  return { ok: false, error: 'its answer cannot be read' };
}

function silent(gateway: string): LinesideError {
  const words = `gateway ${gateway} has not answered; it may have done what it was asked all the same`;
  return new LinesideError('GATEWAY_SILENT', 'outside', words);
}
