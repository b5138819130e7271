/** What the relational store must do, on PGlite and on PostgreSQL. Tests share one database: each has its own names. */

import { randomUUID } from 'node:crypto';
import type { WriteEvent } from '@lineside/shared/contracts/event.ts';
import type { TagInfo } from '@lineside/shared/contracts/frame.ts';
import type { AcknowledgeCommand, GatewayStatus } from '@lineside/shared/contracts/link.ts';
import { type Kysely, sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  alarmEvents,
  alarmHistory,
  findAlarm,
  type HubAlarmEvent,
  openAlarms,
} from '../../hub/store/postgres/alarms.ts';
import {
  createCommand,
  finishCommands,
  pendingCommands,
  pendingOccurrences,
} from '../../hub/store/postgres/commands.ts';
import { type Equipment, listEquipment, replaceEquipment } from '../../hub/store/postgres/equipment.ts';
import { listEvents } from '../../hub/store/postgres/gateway-events.ts';
import {
  findGateway,
  listGateways,
  setGatewayOffline,
  touchGateway,
  upsertGatewayStatus,
} from '../../hub/store/postgres/gateways.ts';
import { commitRecords, listGaps, watermarks } from '../../hub/store/postgres/ledger.ts';
import { insertQuarantine, listQuarantine } from '../../hub/store/postgres/quarantine.ts';
import type { Database } from '../../hub/store/postgres/schema.ts';
import { listTags, tagIds, tagsOfDevice, upsertCatalogue } from '../../hub/store/postgres/tags.ts';
import { createWrite, listWrites } from '../../hub/store/postgres/writes.ts';
import { actorNamed } from '../services/hub-world.ts';
import { accountsContract } from './relational-accounts.ts';
import { sessionsContract } from './relational-sessions.ts';

const NOW = Date.UTC(2026, 10, 22, 8);
const EPOCH = '0123456789abcdef0123456789abcdef';

function tag(id: number, name: string, more: Partial<TagInfo> = {}): TagInfo {
  return { id, device: 'press', name, type: 'float64', unit: 'bar', description: '', ...more };
}

function alarm(occurrence: string, more: Partial<HubAlarmEvent> = {}): HubAlarmEvent {
  return {
    ...{ occurrence, rule: 'hot', device: 'press', tag: null, transition: 'raised', state: 'unacknowledged' },
    ...{ at: NOW, priority: 'high', message: 'Too hot', value: 91.5, limit: 90, unit: '°C', by: '', comment: '' },
    ...more,
  } as HubAlarmEvent;
}

export function relationalContract(
  name: string,
  open: () => Promise<{ db: Kysely<Database>; close(): Promise<void> }>,
): void {
  describe(`relational contract: ${name}`, () => {
    let store: Awaited<ReturnType<typeof open>>;
    let db: Kysely<Database>;
    let gateway: string;
    let gateways = 0;

    beforeAll(async () => {
      store = await open();
      db = store.db;
    }, 60_000);

    afterAll(async () => {
      await store.close();
    });

    function newGateway(): string {
      gateway = `gw-${++gateways}-${randomUUID().slice(0, 8)}`;
      return gateway;
    }

    function commit(seq: number, more: Partial<Parameters<typeof commitRecords>[1]> = {}): Promise<string[]> {
      return commitRecords(db, {
        gateway,
        epoch: EPOCH,
        seq,
        samples: 10,
        gaps: [],
        alarmEvents: [],
        events: [],
        at: NOW,
        ...more,
      });
    }

    accountsContract(() => db);
    sessionsContract(() => db);

    it('makes the equipment tree what the configuration says', async () => {
      const node = (path: string, level: Equipment['level'], settings = {}): Equipment => {
        const parent = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : null;
        return { path, parent, level, name: path.split('/').at(-1) as string, settings };
      };
      const tree = [
        node('acme', 'enterprise'),
        node('acme/hh', 'site', { timeZone: 'Europe/Berlin' }),
        node('acme/hh/a', 'area'),
        node('acme/hh/a/l1', 'line'),
        node('acme/hh/a/l1/press', 'cell', { device: 'press', shifts: [6, 14, 22] }),
      ];
      await replaceEquipment(db, tree);
      await replaceEquipment(db, tree);
      expect(await listEquipment(db)).toEqual(tree);
      const smaller = [node('acme', 'enterprise'), node('acme/hh', 'site', { timeZone: 'UTC' })];
      await replaceEquipment(db, smaller);
      expect(await listEquipment(db)).toEqual(smaller);
      await expect(replaceEquipment(db, [node('x/y', 'site')])).rejects.toThrow(/foreign key/);
      expect(await listEquipment(db)).toEqual(smaller);
    });

    it('knows since when a gateway is on or off line, and when it was last seen itself', async () => {
      const id = newGateway();
      const status = (online: boolean): GatewayStatus => ({
        ...{ gateway: id, online, at: NOW, version: '0.1.0', startedAt: NOW },
        buffer: { epoch: EPOCH, pendingRecords: 1, pendingSamples: 2 ** 40, bytes: 0 },
        devices: [],
      });
      await touchGateway(db, id, NOW);
      expect(await findGateway(db, id)).toMatchObject({ online: false, online_since: null, status: null });
      await upsertGatewayStatus(db, status(true), NOW + 1);
      await upsertGatewayStatus(db, status(true), NOW + 2);
      const online = {
        first_seen_at: NOW,
        last_seen_at: NOW + 2,
        online: true,
        online_since: NOW + 1,
        version: '0.1.0',
      };
      expect(await findGateway(db, id)).toMatchObject({ ...online, status: status(true) });
      await upsertGatewayStatus(db, status(false), NOW + 9);
      expect(await findGateway(db, id)).toMatchObject({
        online: false,
        online_since: NOW + 9,
        last_seen_at: NOW + 2,
      });
      await setGatewayOffline(db, id, NOW + 10);
      expect(await findGateway(db, id)).toMatchObject({ online_since: NOW + 9 });
      await touchGateway(db, id, NOW + 11);
      await touchGateway(db, id, NOW + 3);
      expect((await listGateways(db)).find((row) => row.id === id)).toMatchObject({ last_seen_at: NOW + 11 });
    });

    it('finds the same tag again in a new epoch, and keeps another type apart', async () => {
      const id = newGateway();
      const first = await upsertCatalogue(db, id, EPOCH, [tag(1, 'p'), tag(2, 't', { unit: 'C' })]);
      const again = await upsertCatalogue(db, id, EPOCH, [
        tag(2, 't', { unit: '°C' }),
        tag(3, 'p', { type: 'string' }),
      ]);
      expect(again.get(2)).toBe(first.get(2));
      expect(new Set([first.get(1), first.get(2), again.get(3)]).size).toBe(3);
      const other = 'f'.repeat(32);
      const renumbered = await upsertCatalogue(db, id, other, [tag(2 ** 32 - 1, 'p'), tag(1, 't', { unit: '°C' })]);
      expect(renumbered).toEqual(
        new Map([
          [2 ** 32 - 1, first.get(1)],
          [1, first.get(2)],
        ]),
      );
      expect(await tagIds(db, id, EPOCH)).toEqual(new Map([...first, ...again]));
      expect(await tagIds(db, id, other)).toEqual(renumbered);
      expect(await tagIds(db, id, 'a'.repeat(32))).toEqual(new Map());
      expect((await tagsOfDevice(db, id, 'press')).map((row) => [row.id, row.name, row.type, row.unit])).toEqual([
        [first.get(1), 'p', 'float64', 'bar'],
        [again.get(3), 'p', 'string', 'bar'],
        [first.get(2), 't', 'float64', '°C'],
      ]);
      const may = async () => {
        const [row] = await tagsOfDevice(db, id, 'press');
        return [row!.writable, row!.min, row!.max, row!.names];
      };
      expect(await may()).toEqual([false, null, null, null]);
      await upsertCatalogue(db, id, EPOCH, [tag(1, 'p', { writable: true, min: 0, max: 0.1, names: ['a\u0000'] })]);
      expect(await may()).toEqual([true, 0, 0.1, ['a\ufffd']]);
      await upsertCatalogue(db, id, EPOCH, [tag(1, 'p')]);
      expect(await may()).toEqual([false, null, null, null]);
      expect(await tagsOfDevice(db, id, 'none')).toEqual([]);
    });

    it('takes a catalogue of 2,500 tags, with text that PostgreSQL cannot hold', async () => {
      const id = newGateway();
      const catalogue = Array.from({ length: 2_500 }, (_, i) => tag(i + 1, `t${i}`));
      (catalogue[7] as TagInfo).description = 'a\u0000b\ud800c';
      const ids = await upsertCatalogue(db, id, EPOCH, catalogue);
      expect(new Set(ids.values()).size).toBe(2_500);
      expect(await upsertCatalogue(db, id, EPOCH, catalogue)).toEqual(ids);
      const stored = new Map((await listTags(db)).map((row) => [row.id, row]));
      expect(stored.get(ids.get(8) as number)?.description).toBe('a\ufffdb\ufffdc');
      expect([...stored.keys()]).toEqual([...stored.keys()].sort((a, b) => a - b));
    });

    it('moves a watermark forward only, and counts samples only when it moves', async () => {
      const id = newGateway();
      const mine = async () => (await watermarks(db)).filter((row) => row.gateway === id);
      await commit(5);
      await commit(5, { at: NOW + 1 });
      await commit(3, { at: NOW + 2 });
      expect(await mine()).toEqual([{ gateway: id, epoch: EPOCH, seq: 5, samples: 10, updated_at: NOW }]);
      await commit(2 ** 40, { samples: 7, at: NOW + 3 });
      await commit(1, { epoch: 'f'.repeat(32) });
      expect((await mine()).map((row) => [row.epoch, row.seq, row.samples])).toEqual([
        [EPOCH, 2 ** 40, 17],
        ['f'.repeat(32), 1, 10],
      ]);
    });

    it('names a gap once', async () => {
      const id = newGateway();
      const gaps = [{ fromSeq: 2, toSeq: 4, cause: 'dropped: disk full', fromAt: null, toAt: null }];
      await commit(5, { gaps });
      await commit(5, { gaps, at: NOW + 1 });
      await commit(9, {
        gaps: [{ fromSeq: 7, toSeq: 7, cause: 'damaged\u0000', fromAt: null, toAt: null }],
        at: NOW + 2,
      });
      expect((await listGaps(db, id)).map((row) => [row.from_seq, row.to_seq, row.cause, row.noted_at])).toEqual([
        [7, 7, 'damaged\ufffd', NOW + 2],
        [2, 4, 'dropped: disk full', NOW],
      ]);
      expect(await listGaps(db, id, 1)).toHaveLength(1);
    });

    it('keeps each event once, pages through all of them, and also a kind that it does not know', async () => {
      const id = newGateway();
      const drop = {
        kind: 'drop',
        reason: 'bufferFull',
        samples: 9,
        fromSeq: 2,
        toSeq: 4,
        fromAt: 1,
        toAt: 2,
      } as const;
      const later = { kind: 'other', at: NOW, body: { kind: 'later', at: NOW, more: 'a\u0000b' } } as const;
      const events = [5, 3, 5].map((at, place) => ({ seq: 7, place, event: { ...drop, at: NOW + at } }));
      await commit(7, { events });
      await commit(7, { events });
      await commit(8, { events: [{ seq: 8, place: 0, event: later }] });
      const all = await listEvents(db, { gateway: id, limit: 10 });
      expect(all.map((row) => [row.kind, row.happened_at, row.seq, row.place])).toEqual([
        ['drop', NOW + 5, 7, 2],
        ['drop', NOW + 5, 7, 0],
        ['drop', NOW + 3, 7, 1],
        ['later', NOW, 8, 0],
      ]);
      expect(all[3]!.body).toEqual({ kind: 'later', at: NOW, more: 'a\ufffdb' });
      expect(await listEvents(db, { gateway: id, kind: 'drop', before: all[0]!, limit: 2 })).toEqual(all.slice(1, 3));
    });

    it('keeps a write that was asked for, and what became of it, once; and pages through them', async () => {
      const id = newGateway();
      const ask = (name: string, at: number) => ({
        ...({ id: name, type: 'tag.write', device: 'pump', tag: 'mode', value: 'Auto\u0000', by: 'anna' } as const),
        ...{ comment: '', at, expiresAt: at + 5_000 },
      });
      const event = (name: string, more: Partial<WriteEvent> = {}): WriteEvent => ({
        ...{
          kind: 'write',
          at: NOW + 50,
          id: name,
          device: 'pump',
          tag: 'mode',
          by: 'anna',
          via: 'hub',
          comment: '',
        },
        ...{ requested: 'Auto', old: 'Off', new: 'Auto', ok: true, error: '', ...more },
      });
      await createWrite(db, id, ask('a', NOW), actorNamed('anna'));
      await createWrite(db, id, ask('b', NOW), actorNamed('anna'), 'it is off line');
      expect(await listWrites(db, { gateway: id, limit: 9 })).toMatchObject([
        { id: 'b', ok: false, error: 'it is off line', requested: 'Auto\ufffd', decided_at: NOW, asked_at: NOW },
        { id: 'a', ok: null, old_value: null, decided_at: null },
      ]);
      const local = event('a', { via: 'mqtt', by: 'scada', tag: 'speed', requested: 5, old: null, new: 0, at: NOW });
      const places = [event('a'), event('b'), event('a', { ok: false, old: null }), local];
      const events = places.map((each, place) => ({ seq: 1, place, event: each }));
      await commit(1, { events });
      await commit(1, { events });
      const all = await listWrites(db, { gateway: id, limit: 9 });
      expect(all.map((row) => [row.via, row.id, row.ok, row.old_value, row.new_value, row.decided_at])).toEqual([
        ['mqtt', 'a', true, null, 0, NOW],
        ['hub', 'b', false, null, null, NOW],
        ['hub', 'a', true, 'Off', 'Auto', NOW + 50],
      ]);
      expect(await listWrites(db, { gateway: id, before: all[0], limit: 1 })).toEqual([all[1]]);
      for (const filter of [{ user: 'scada' }, { tag: 'speed', device: 'pump' }]) {
        expect(await listWrites(db, { gateway: id, ...filter, limit: 9 })).toEqual([all[0]]);
      }
      expect(await listWrites(db, { gateway: id, device: 'press', limit: 9 })).toEqual([]);
    });

    it('follows an alarm through its states, and a repeat of old events does not bring an old state back', async () => {
      const id = newGateway();
      const ids = await upsertCatalogue(db, id, EPOCH, [tag(1, 't')]);
      const occurrence = randomUUID();
      const raised = alarm(occurrence, { tag: ids.get(1) as number });
      const returned = alarm(occurrence, { transition: 'returned', state: 'returned', at: NOW + 10, value: 80 });
      const acknowledged = alarm(occurrence, {
        ...{ transition: 'acknowledged', state: 'normal', at: NOW + 20, value: null },
        ...{ by: 'anna', comment: 'fan cleaned' },
      });
      expect(await commit(1, { alarmEvents: [raised] })).toEqual([occurrence]);
      expect((await openAlarms(db)).find((row) => row.occurrence === occurrence)).toMatchObject({
        ...{ gateway: id, rule: 'hot', device: 'press', tag: ids.get(1), priority: 'high', message: 'Too hot' },
        ...{ state: 'unacknowledged', raised_at: NOW, returned_at: null, acknowledged_at: null },
        ...{ value: 91.5, limit_value: 90, unit: '°C' },
      });
      expect(await commit(2, { alarmEvents: [raised, returned, acknowledged] })).toEqual([occurrence]);
      expect(await commit(2, { alarmEvents: [raised, returned] })).toEqual([]);
      expect(await findAlarm(db, occurrence)).toMatchObject({
        ...{ state: 'normal', raised_at: NOW, returned_at: NOW + 10, value: 91.5 },
        ...{ acknowledged_at: NOW + 20, acknowledged_by: 'anna', comment: 'fan cleaned' },
      });
      expect((await openAlarms(db)).some((row) => row.occurrence === occurrence)).toBe(false);
      expect(
        (await alarmEvents(db, occurrence)).map((row) => [row.transition, row.at, row.by_whom, row.value]),
      ).toEqual([
        ['raised', NOW, '', 91.5],
        ['returned', NOW + 10, '', 80],
        ['acknowledged', NOW + 20, 'anna', null],
      ]);
      expect(await findAlarm(db, 'none')).toBeUndefined();
    });

    it('opens an alarm again that comes back within its occurrence', async () => {
      newGateway();
      const occurrence = randomUUID();
      const back = { at: NOW + 30, value: 99, message: 'Too hot again' };
      await commit(1, {
        alarmEvents: [
          alarm(occurrence),
          alarm(occurrence, { transition: 'returned', state: 'returned', at: NOW + 10 }),
        ],
      });
      await commit(2, { alarmEvents: [alarm(occurrence, back)] });
      expect(await findAlarm(db, occurrence)).toMatchObject({
        ...{ state: 'unacknowledged', raised_at: NOW, returned_at: null, value: 99, message: 'Too hot again' },
      });
    });

    it('pages through the history without doubling or losing alarms of one millisecond', async () => {
      newGateway();
      const occurrences = Array.from({ length: 25 }, () => randomUUID());
      const at = NOW + 10_000_000;
      await commit(1, {
        alarmEvents: occurrences.map((occurrence, i) => alarm(occurrence, { at: at + Math.floor(i / 10) })),
      });
      const seen: string[] = [];
      let before: { raisedAt: number; occurrence: string } | undefined;
      while (seen.length < 25) {
        const page = await alarmHistory(db, before ? { limit: 7, before } : { limit: 7 });
        const last = page.at(-1);
        if (!last) break;
        seen.push(...page.map((row) => row.occurrence));
        before = { raisedAt: last.raised_at, occurrence: last.occurrence };
      }
      const sorted = occurrences.toSorted((a, b) => {
        const [timeA, timeB] = [a, b].map((o) => Math.floor(occurrences.indexOf(o) / 10)) as [number, number];
        return timeB - timeA || (a < b ? 1 : -1);
      });
      expect(seen.slice(0, 25)).toEqual(sorted);
    });

    it('commits all of a record or nothing', async () => {
      const id = newGateway();
      const bad = alarm(randomUUID(), { priority: 'whatever' as 'high' });
      const good = alarm(randomUUID());
      const gaps = [{ fromSeq: 1, toSeq: 2, cause: 'x', fromAt: null, toAt: null }];
      await expect(commit(3, { gaps, alarmEvents: [good, bad] })).rejects.toMatchObject({ code: '23514' });
      expect((await watermarks(db)).filter((row) => row.gateway === id)).toEqual([]);
      expect(await listGaps(db, id)).toEqual([]);
      expect(await findAlarm(db, good.occurrence)).toBeUndefined();
      await commit(3, { gaps, alarmEvents: [good] });
      expect(await findAlarm(db, good.occurrence)).toBeDefined();
    });

    it('keeps a command open until its effect comes back as an event', async () => {
      const id = newGateway();
      const [one, two] = [randomUUID(), randomUUID()] as [string, string];
      const command = (occurrence: string, at: number): AcknowledgeCommand => ({
        ...{ id: randomUUID(), type: 'alarm.acknowledge', occurrence, by: 'anna', comment: '', at },
      });
      const [second, first] = [command(two, NOW + 1), command(one, NOW)] as [AcknowledgeCommand, AcknowledgeCommand];
      for (const each of [second, first, first]) await createCommand(db, id, each);
      expect(await pendingCommands(db, id)).toEqual([first, second]);
      expect(await pendingCommands(db, 'another')).toEqual([]);
      const pending = await pendingOccurrences(db);
      expect([pending.has(one), pending.has(two)]).toEqual([true, true]);
      await commit(1, { alarmEvents: [alarm(one)] });
      expect(await pendingCommands(db, id)).toHaveLength(2);
      const acknowledged = { transition: 'acknowledged', state: 'acknowledged', at: NOW + 5, by: 'anna' } as const;
      await commit(2, { alarmEvents: [alarm(one, acknowledged)] });
      expect(await pendingCommands(db, id)).toEqual([second]);
      expect(await finishCommands(db, two, NOW)).toEqual([second]);
      expect(await finishCommands(db, two, NOW)).toEqual([]);
      expect(await pendingCommands(db, id)).toEqual([]);
    });

    it('keeps the beginning of a refused message, and of all of them the newest', async () => {
      const id = newGateway();
      const payload = Buffer.alloc(10_000, 7);
      await insertQuarantine(db, { gateway: id, at: NOW, reason: 'bad\u0000 zstd frame', payload });
      await insertQuarantine(db, { gateway: id, at: NOW + 1, reason: 'empty', payload: Buffer.alloc(0) });
      const [empty, big] = await listQuarantine(db, id);
      expect(empty).toMatchObject({ reason: 'empty', bytes: 0 });
      expect(big).toMatchObject({ received_at: NOW, reason: 'bad\ufffd zstd frame', bytes: 10_000 });
      expect(Buffer.from((big as { sample: Uint8Array }).sample)).toEqual(payload.subarray(0, 4_096));
      await sql`insert into quarantine (gateway, received_at, reason, bytes, sample)
        select 'flood', 0, '', 0, '' from generate_series(1, 10000)`.execute(db);
      await insertQuarantine(db, { gateway: 'flood', at: NOW, reason: 'last', payload });
      expect(await listQuarantine(db, id)).toEqual([]);
      expect((await listQuarantine(db, 'flood', 20_000)).length).toBe(10_000);
    });

    it('does not let a statement into the transaction of another', async () => {
      const id = newGateway();
      const failing = db.transaction().execute(async (trx) => {
        await touchGateway(trx, `${id}-in`, NOW);
        await new Promise((resolve) => setTimeout(resolve, 20));
        throw new Error('undone');
      });
      const beside = touchGateway(db, `${id}-out`, NOW);
      await expect(failing).rejects.toThrow('undone');
      await beside;
      expect(await findGateway(db, `${id}-in`)).toBeUndefined();
      expect(await findGateway(db, `${id}-out`)).toBeDefined();
    });

    it('does not call a transaction committed in which a statement failed', async () => {
      const id = newGateway();
      const transaction = db.transaction().execute(async (trx) => {
        await touchGateway(trx, id, NOW);
        await sql`select 1 / 0`.execute(trx).catch(() => undefined);
      });
      await expect(transaction).rejects.toThrow();
      expect(await findGateway(db, id)).toBeUndefined();
    });

    it('gives whole numbers as numbers, whatever their width', async () => {
      const { rows } =
        await sql`select 9007199254740991::int8 as wide, 7::int4 as narrow, count(*) as many from users`.execute(db);
      expect(rows).toEqual([{ wide: 2 ** 53 - 1, narrow: 7, many: expect.any(Number) }]);
    });
  });
}
