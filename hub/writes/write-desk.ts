/**
 * Setting a tag from the hub. The gateway decides and carries it out; the hub notes who asked, sends the command once
 * and waits for what became of it. Nothing is ever kept for later or sent again: whoever asked is told that it is
 * not known, and the audit has the truth as soon as the gateway has told it.
 */
import { randomUUID } from 'node:crypto';
import type { WriteState, WriteView } from '@lineside/shared/contracts/api.ts';
import type { WriteEvent } from '@lineside/shared/contracts/event.ts';
import type { JobView } from '@lineside/shared/contracts/job.ts';
import type { TagWriteCommand, WriteReply } from '@lineside/shared/contracts/link.ts';
import type { Page } from '@lineside/shared/contracts/page.ts';
import type { WriteOutcome } from '@lineside/shared/contracts/write.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { Kysely } from 'kysely';
import { OwedAnswers } from '../fleet/owed-answers.ts';
import { pageFrom, readCursor } from '../store/page.ts';
import type { Actor } from '../store/postgres/audit.ts';
import type { Database, Row } from '../store/postgres/schema.ts';
import { createWrite, listWrites, noteUnknown, settleWrite, type WriteFilter } from '../store/postgres/writes.ts';
import { SharedReads } from '../store/shared-reads.ts';
import { valueRefusal, type WritableTag } from './write-refusal.ts';

/** A gateway that gets the command later does not carry it out. Milliseconds. */
const HOLDS_MS = 5_000;

/** Whoever asked waits at most so long: the command's time, and that of a slow device behind others. Milliseconds. */
const ANSWER_MS = 20_000;

/** Writes that somebody waits for. */
const MOST_WAITING = 500;

/** A page of the log is read again after this, or when something is written here. Milliseconds. */
const LISTED_MS = 1_000;
const MOST_LISTED = 100;

/** As cursors name it. */
const LIST = 'writes';

const NOT_KNOWN =
  'the gateway has not told what became of it: it may not have got it, or ended before it could write it down; look at the value that the tag has now';

export interface WriteDeskOptions {
  db: Kysely<Database>;
  /** The tag that goes by this id at present; undefined when there is none. */
  tag(id: number): WritableTag | undefined;
  unitOf(gateway: string, device: string, tag: string): string;
  online(gateway: string): boolean;
  /** Name and path of the machine that a device belongs to. */
  machineOf(gateway: string, device: string): { path: string; name: string } | undefined;
  /** Sends it at most once, and to nobody who is not there now. */
  send(gateway: string, command: TagWriteCommand): void;
  /** A write has begun or is over, for those who look on. */
  onJob?(job: JobView): void;
  log: Logger;
  now(): number;
  /** Milliseconds; for tests. */
  answerMs?: number;
}

export type WriteQuery = Omit<WriteFilter, 'before'> & { cursor?: string | undefined };

export class WriteDesk {
  readonly #options: WriteDeskOptions;
  readonly #waiting = new OwedAnswers<WriteOutcome>();
  readonly #answerMs: number;
  readonly #listed: SharedReads<Page<WriteView>>;

  constructor(options: WriteDeskOptions) {
    this.#options = options;
    this.#listed = new SharedReads({ lifeMs: LISTED_MS, most: MOST_LISTED, now: options.now });
    this.#answerMs = options.answerMs ?? ANSWER_MS;
  }

  /** Lets nobody wait any more. */
  stop(): void {
    this.#waiting.giveUp(() => unknown('the hub stops'));
  }

  /**
   * Sets a tag, and tells what became of it. An outcome that is not ok is an answer too, not an error.
   *
   * @param value in engineering units, or a name
   * @throws LinesideError TAG_NOT_FOUND, TAG_NOT_WRITABLE, VALUE_REFUSED, GATEWAY_OFFLINE, TOO_MANY_WRITES: nothing
   *   was written; WRITE_UNKNOWN: it may have been
   */
  async request(
    actor: Actor,
    tagId: number,
    value: TagWriteCommand['value'],
    comment: string,
  ): Promise<WriteOutcome> {
    const { db, now, log } = this.#options;
    const tag = this.#options.tag(tagId);
    if (!tag) throw new LinesideError('TAG_NOT_FOUND', 'peer', `there is no tag ${tagId}`);
    const { gateway, device, name } = tag;
    const at = now();
    const by = actor.name;
    const command: TagWriteCommand = {
      ...{ id: randomUUID(), type: 'tag.write', device, tag: name, value, by, comment, at },
      expiresAt: at + HOLDS_MS,
    };
    const refusal = this.#refusal(tag, value);
    if (refusal) {
      await createWrite(db, gateway, command, actor, refusal.message);
      this.#listed.forget();
      log.warn({ gateway, device, tag: name, by, value, reason: refusal.message }, 'write refused');
      throw refusal;
    }
    await createWrite(db, gateway, command, actor);
    this.#listed.forget();
    const answer = this.#answer(gateway, command.id);
    this.#options.send(gateway, command);
    log.info({ gateway, device, tag: name, by, value, id: command.id }, 'write sent');
    this.#tell(gateway, command, 'waiting', '');
    return answer.then(
      (outcome) => {
        this.#tell(gateway, command, outcome.ok ? 'done' : 'failed', outcome.error);
        return outcome;
      },
      async (error: unknown) => {
        this.#tell(gateway, command, 'unknown', messageOf(error));
        await this.#noteUnknown(gateway, command.id, messageOf(error));
        throw error;
      },
    );
  }

  /** What a gateway replies. Never rejects. */
  async replied(gateway: string, { outcome }: WriteReply): Promise<void> {
    try {
      // Whoever waits finds it in the audit log.
      await settleWrite(this.#options.db, gateway, outcome, this.#options.now());
    } catch (error) {
      this.#options.log.warn({ gateway, id: outcome.id, error: messageOf(error) }, 'outcome of a write not kept yet');
    }
    this.#listed.forget();
    this.#waiting.settle(gateway, outcome.id, outcome);
  }

  /** What a gateway has written down; its reply may have been lost. */
  decided(gateway: string, event: WriteEvent): void {
    this.#listed.forget();
    if (event.via !== 'hub') return;
    const { id, ok, old, new: now, at, error } = event;
    this.#waiting.settle(gateway, id, { id, ok, old, new: now, at, error });
  }

  /** A gateway is off line: what it has not told by now, it may not tell for long. */
  gone(gateway: string): void {
    this.#waiting.giveUp(() => unknown(`gateway ${gateway} has gone off line`), gateway);
  }

  /** Newest first. @throws LinesideError CURSOR_INVALID */
  list(query: WriteQuery): Promise<Page<WriteView>> {
    const devices = query.devices?.map(({ gateway, device }) => [gateway, device]);
    return this.#listed.get(JSON.stringify({ ...query, devices }), () => this.#list(query));
  }

  async #list({ cursor, ...filter }: WriteQuery): Promise<Page<WriteView>> {
    const keys = readCursor(LIST, [0, '', '', ''] as const, cursor);
    const before = keys && { asked_at: keys[0], gateway: keys[1], via: keys[2], id: keys[3] };
    const rows = await listWrites(this.#options.db, { ...filter, before, limit: filter.limit + 1 });
    const keysOf = ({ asked_at, gateway, via, id }: Row<'writes'>) => [asked_at, gateway, via, id];
    return pageFrom(rows, filter.limit, LIST, keysOf, (row) => this.#view(row));
  }

  async #noteUnknown(gateway: string, id: string, why: string): Promise<void> {
    const { db, log, now } = this.#options;
    try {
      await noteUnknown(db, { gateway, id }, why, now());
    } catch (error) {
      log.warn({ gateway, id, error: messageOf(error) }, 'not in the audit log: nobody told what became of a write');
    }
  }

  #tell(gateway: string, command: TagWriteCommand, state: JobView['state'], detail: string): void {
    const { id, device, tag, value, by, at } = command;
    const { now, machineOf, onJob } = this.#options;
    onJob?.({
      ...{ id, kind: 'write', title: `set ${device}/${tag} to ${value}`, by, gateway, state, detail, at },
      ...{ machine: machineOf(gateway, device)?.path ?? '', progress: null, changedAt: now() },
    });
  }

  #refusal(tag: WritableTag, value: TagWriteCommand['value']): LinesideError | null {
    if (!tag.writable) {
      const words = `${tag.name} may not be written: it has no writable: true in the configuration of ${tag.gateway}`;
      return new LinesideError('TAG_NOT_WRITABLE', 'peer', words);
    }
    const wrong = valueRefusal(tag, value);
    if (wrong !== null) return new LinesideError('VALUE_REFUSED', 'peer', wrong);
    if (!this.#options.online(tag.gateway)) {
      const words = `gateway ${tag.gateway} is not connected: nothing was written, and nothing is kept for later`;
      return new LinesideError('GATEWAY_OFFLINE', 'outside', words);
    }
    if (this.#waiting.size < MOST_WAITING) return null;
    return new LinesideError('TOO_MANY_WRITES', 'peer', `${MOST_WAITING} writes wait for their answers already`);
  }

  #answer(gateway: string, id: string): Promise<WriteOutcome> {
    return this.#waiting.wait(gateway, id, this.#answerMs, () => {
      this.#options.log.warn({ gateway, id }, 'no answer to a write');
      return unknown(`gateway ${gateway} has not answered within ${this.#answerMs / 1000} s`);
    });
  }

  #view(row: Row<'writes'>): WriteView {
    const { gateway, device, tag } = row;
    const machine = this.#options.machineOf(gateway, device);
    const state = this.#state(row);
    return {
      ...{ id: row.id, gateway, device, tag, unit: this.#options.unitOf(gateway, device, tag) },
      ...{ machine: machine?.path ?? '', machineName: machine?.name ?? device },
      ...{ by: row.by_whom, via: row.via, comment: row.comment, at: row.asked_at, requested: row.requested, state },
      ...{ old: row.old_value, new: row.new_value, decidedAt: row.decided_at },
      error: state === 'unknown' ? NOT_KNOWN : row.error,
    };
  }

  #state({ ok, gateway, id }: Row<'writes'>): WriteState {
    if (ok !== null) return ok ? 'written' : 'failed';
    return this.#waiting.has(gateway, id) ? 'waiting' : 'unknown';
  }
}

function unknown(why: string): LinesideError {
  const words = `it is not known whether it was written: ${why}. Look at the value that the tag has now; the list of writes says more when the gateway has told`;
  return new LinesideError('WRITE_UNKNOWN', 'outside', words);
}
