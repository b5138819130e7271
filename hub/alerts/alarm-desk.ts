/**
 * The alarms of all gateways as people see and acknowledge them. The gateway is where an alarm lives: an
 * acknowledgement travels there as a command, and only the event that comes back makes it so.
 */
import { randomUUID } from 'node:crypto';
import { ALARM_PRIORITIES } from '@lineside/shared/contracts/alarm.ts';
import type { AlarmDetail, AlarmView } from '@lineside/shared/contracts/api.ts';
import type { AcknowledgeCommand, RefusalReply } from '@lineside/shared/contracts/link.ts';
import type { Page } from '@lineside/shared/contracts/page.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import type { Kysely } from 'kysely';
import { pageFrom, readCursor } from '../store/page.ts';
import {
  type AlarmFilter,
  alarmEvents,
  alarmHistory,
  findAlarm,
  findAlarms,
  openAlarms,
} from '../store/postgres/alarms.ts';
import { createCommand, finishCommands, pendingCommands, pendingOccurrences } from '../store/postgres/commands.ts';
import type { Database, Row } from '../store/postgres/schema.ts';
import { SharedReads } from '../store/shared-reads.ts';

/** Refusals that are remembered. */
const MOST_REFUSALS = 1_000;

/** A page of the list is read again after this, or when an alarm changes here. Milliseconds. */
const LISTED_MS = 1_000;
const MOST_LISTED = 100;

export interface AlarmDeskOptions {
  db: Kysely<Database>;
  /** Name and path of the machine that a device belongs to. */
  machineOf(gateway: string, device: string): { path: string; name: string } | undefined;
  send(gateway: string, command: AcknowledgeCommand): void;
  onChange(alarm: AlarmView): void;
  now(): number;
}

export type AlarmQuery = Omit<AlarmFilter, 'before'> & { cursor?: string | undefined };

export class AlarmDesk {
  readonly #options: AlarmDeskOptions;
  /** All that are not normal. */
  readonly #open = new Map<string, AlarmView>();
  #pending = new Set<string>();
  /** Why a device did not take the last acknowledgement. */
  readonly #refusals = new Map<string, string>();
  readonly #listed: SharedReads<Page<AlarmView>>;

  constructor(options: AlarmDeskOptions) {
    this.#options = options;
    this.#listed = new SharedReads({ lifeMs: LISTED_MS, most: MOST_LISTED, now: options.now });
  }

  async start(): Promise<void> {
    this.#pending = await pendingOccurrences(this.#options.db);
    for (const row of await openAlarms(this.#options.db)) this.#open.set(row.occurrence, this.#view(row));
  }

  /** All that are not normal, most urgent first, then newest. */
  open(): AlarmView[] {
    return [...this.#open.values()].sort(
      (a, b) =>
        ALARM_PRIORITIES.indexOf(a.priority) - ALARM_PRIORITIES.indexOf(b.priority) || b.raisedAt - a.raisedAt,
    );
  }

  /** A page of all alarms. @throws LinesideError CURSOR_INVALID */
  list(query: AlarmQuery): Promise<Page<AlarmView>> {
    const devices = query.devices?.map(({ gateway, device }) => [gateway, device]);
    return this.#listed.get(JSON.stringify({ ...query, devices }), () => this.#list(query));
  }

  async #list({ cursor, ...filter }: AlarmQuery): Promise<Page<AlarmView>> {
    const list = filter.oldestFirst ? 'alarms:raisedAt' : 'alarms:-raisedAt';
    const keys = readCursor(list, [0, ''] as const, cursor);
    const before = keys && { raisedAt: keys[0], occurrence: keys[1] };
    const rows = await alarmHistory(this.#options.db, { ...filter, before, limit: filter.limit + 1 });
    const keysOf = ({ raised_at, occurrence }: Row<'alarms'>) => [raised_at, occurrence];
    return pageFrom(rows, filter.limit, list, keysOf, (row) => this.#view(row));
  }

  /** One alarm with its story; undefined when there is none. */
  async one(occurrence: string): Promise<AlarmDetail | undefined> {
    const { db } = this.#options;
    const row = await findAlarm(db, occurrence);
    if (!row) return undefined;
    const steps = (await alarmEvents(db, occurrence)).map(({ transition, at, by_whom, comment, value }) => ({
      ...{ transition, at, by: by_whom, comment, value },
    }));
    return { ...this.#view(row), steps };
  }

  /** Events of these occurrences have been committed. */
  async changed(occurrences: string[]): Promise<void> {
    this.#listed.forget();
    const asked = [...new Set(occurrences)];
    // A plant that loses its power has a thousand in one commit.
    const found = new Map((await findAlarms(this.#options.db, asked)).map((row) => [row.occurrence, row]));
    for (const occurrence of asked) {
      const row = found.get(occurrence);
      if (!row) continue;
      if (isAnswered(row)) {
        this.#pending.delete(occurrence);
        this.#refusals.delete(occurrence);
      }
      this.#tell(row);
    }
  }

  /**
   * Asks the gateway to acknowledge. The answer is the alarm as it stands, marked as on its way.
   * @param mine whether an alarm of this machine ('' when it belongs to none) is there for whoever asks
   * @throws LinesideError ALARM_NOT_FOUND, ALARM_ACKNOWLEDGED
   */
  async acknowledge(
    occurrence: string,
    by: string,
    comment: string,
    mine: (machine: string) => boolean = () => true,
  ): Promise<AlarmView> {
    const { db, now, send } = this.#options;
    const row = await findAlarm(db, occurrence);
    if (!row || !mine(this.#options.machineOf(row.gateway, row.device)?.path ?? '')) {
      throw new LinesideError('ALARM_NOT_FOUND', 'peer', 'there is no such alarm');
    }
    if (isAnswered(row)) {
      throw new LinesideError('ALARM_ACKNOWLEDGED', 'peer', 'this alarm has been acknowledged already, or is over');
    }
    if (this.#pending.has(occurrence)) return this.#view(row);
    // Before the first await: of two who acknowledge at once, one command goes.
    this.#pending.add(occurrence);
    this.#refusals.delete(occurrence);
    this.#listed.forget();
    const command: AcknowledgeCommand = {
      id: randomUUID(),
      type: 'alarm.acknowledge',
      occurrence,
      by,
      comment,
      at: now(),
    };
    try {
      await createCommand(db, row.gateway, command);
    } catch (error) {
      this.#pending.delete(occurrence);
      this.#listed.forget();
      throw error;
    }
    send(row.gateway, command);
    // Meanwhile the gateway may have told that it is over; then nobody waits for an answer.
    const current = (await findAlarm(db, occurrence)) ?? row;
    if (isAnswered(current)) {
      this.#pending.delete(occurrence);
      await finishCommands(db, occurrence, now());
    }
    return this.#tell(current);
  }

  /** The alarm lives in a device that does not take the acknowledgement: it waits for somebody again. */
  async refused(gateway: string, { occurrence, error }: RefusalReply): Promise<void> {
    const { db, now } = this.#options;
    const row = await findAlarm(db, occurrence);
    if (!row || row.gateway !== gateway || !this.#pending.delete(occurrence)) return;
    await finishCommands(db, occurrence, now());
    if (this.#refusals.size >= MOST_REFUSALS) this.#refusals.delete(this.#refusals.keys().next().value!);
    this.#refusals.set(occurrence, error);
    this.#tell(row);
  }

  /** A gateway has connected: what it may have missed is said again. */
  async repeatFor(gateway: string): Promise<void> {
    for (const command of await pendingCommands(this.#options.db, gateway)) this.#options.send(gateway, command);
  }

  #tell(row: Row<'alarms'>): AlarmView {
    this.#listed.forget();
    const view = this.#view(row);
    if (view.state === 'normal') this.#open.delete(view.occurrence);
    else this.#open.set(view.occurrence, view);
    this.#options.onChange(view);
    return view;
  }

  #view(row: Row<'alarms'>): AlarmView {
    const machine = this.#options.machineOf(row.gateway, row.device);
    const refusal = this.#refusals.get(row.occurrence);
    return {
      occurrence: row.occurrence,
      gateway: row.gateway,
      rule: row.rule,
      device: row.device,
      tag: row.tag,
      machine: machine?.path ?? '',
      machineName: machine?.name ?? row.device,
      message: row.message,
      priority: row.priority,
      state: row.state,
      raisedAt: row.raised_at,
      returnedAt: row.returned_at,
      acknowledgedAt: row.acknowledged_at,
      acknowledgedBy: row.acknowledged_by,
      comment: row.comment,
      acknowledgePending: this.#pending.has(row.occurrence),
      ...(refusal ? { acknowledgeRefused: refusal } : {}),
      value: row.value,
      limit: row.limit_value,
      unit: row.unit,
    };
  }
}

/** Nothing is left to acknowledge. */
function isAnswered({ state }: Row<'alarms'>): boolean {
  return state === 'acknowledged' || state === 'normal';
}
