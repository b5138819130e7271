/** What the API and the hub ask of the relational store, of tables as large as after a year: how often, and by which index. */
import { type Kysely, sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findAlarm, openAlarms } from '../../../../hub/store/postgres/alarms.ts';
import { findKey, touchKey } from '../../../../hub/store/postgres/api-keys.ts';
import { appendAudit, HUB, newestAuditId, rightsChangesAfter } from '../../../../hub/store/postgres/audit.ts';
import {
  deleteExpiredFamilies,
  revokeOldest,
  useRefreshToken,
  userOfFamily,
} from '../../../../hub/store/postgres/client-tokens.ts';
import {
  createCommand,
  finishCommands,
  pendingCommands,
  pendingOccurrences,
} from '../../../../hub/store/postgres/commands.ts';
import { eventsBetween, gapsBetween, statedDays } from '../../../../hub/store/postgres/completeness.ts';
import {
  certificatesOf,
  endToken,
  findCertificate,
  findToken,
  insertToken,
  revokeCertificates,
  revokedSince,
} from '../../../../hub/store/postgres/enrolment.ts';
import { listEvents } from '../../../../hub/store/postgres/gateway-events.ts';
import { upsertGatewayStatus } from '../../../../hub/store/postgres/gateways.ts';
import { IdempotencyKeys } from '../../../../hub/store/postgres/idempotency-keys.ts';
import { commitAll, listGaps, watermarks } from '../../../../hub/store/postgres/ledger.ts';
import { setMqttPassword } from '../../../../hub/store/postgres/mqtt-accounts.ts';
import { insertQuarantine, listQuarantine } from '../../../../hub/store/postgres/quarantine.ts';
import type { Relational } from '../../../../hub/store/postgres/relational.ts';
import { endRollout, insertRollout, moveGateway } from '../../../../hub/store/postgres/rollouts.ts';
import type { Database } from '../../../../hub/store/postgres/schema.ts';
import { tagIds, tagsOfDevice, tagsOfGateway } from '../../../../hub/store/postgres/tags.ts';
import {
  deleteUser,
  endAllOf,
  findUserAtProvider,
  insertUser,
  lockUser,
} from '../../../../hub/store/postgres/users.ts';
import {
  deleteExpiredSessions,
  deleteSession,
  findSession,
  findUser,
  touchSession,
} from '../../../../hub/store/postgres/users-and-sessions.ts';
import { noteUnknown, settleWrite } from '../../../../hub/store/postgres/writes.ts';
import { alarmEvent } from '../../../services/gateway-records.ts';
import { gatewayStatus } from '../../../services/hub-world.ts';
import { hasPostgres, Postgres } from '../../../services/postgres.ts';
import { startTestHub, type TestHub } from '../../../services/test-hub.ts';

const GATEWAYS = 60;
/** A request asks so often at most, whatever the plant has; one of them is for the session. */
const MOST_QUERIES = 8;
/** A table with fewer rows may be read whole. */
const LARGE = 1_000;

const NOW = Date.UTC(2026, 10, 22, 8);
const EPOCH = 'e'.repeat(32);

const ROWS = `
insert into gateways (id, first_seen_at, last_seen_at) select 'g-' || n, 0, 0 from generate_series(1, ${GATEWAYS}) n;
insert into tags (gateway, device, name, type)
  select 'g-' || n, 'packer', 't' || t, 'float64' from generate_series(1, ${GATEWAYS}) n, generate_series(1, 100) t;
insert into tag_ids (gateway, epoch, gateway_tag, tag) select gateway, '${EPOCH}', id, id from tags;
insert into watermarks (gateway, epoch, seq, samples, updated_at)
  select 'g-' || n, lpad(e::text, 32, '0'), 1, 1, 1 from generate_series(1, ${GATEWAYS}) n, generate_series(1, 10) e;
insert into gaps (gateway, epoch, from_seq, to_seq, cause, noted_at, from_at, to_at)
  select 'g-' || n % ${GATEWAYS}, '${EPOCH}', n, n, 'dropped', ${NOW} - n * 6000000::bigint, ${NOW} - n * 6000000::bigint, ${NOW} - n * 6000000::bigint
  from generate_series(1, 5000) n;
insert into alarms (occurrence, gateway, rule, device, priority, message, state, raised_at)
  select 'o' || n, 'g-' || n % ${GATEWAYS}, 'rule-' || n % 60, 'device-' || n % 7, case when n % 900 = 0 then 'critical' else 'high' end, 'Too hot',
    case when n % 500 = 0 then 'unacknowledged' when n % 70 = 0 then 'acknowledged' else 'normal' end, ${NOW} - n * 1000 from generate_series(1, 20000) n;
insert into alarm_events (occurrence, transition, at) select occurrence, 'raised', raised_at from alarms;
insert into commands (id, gateway, type, body, created_at, done_at)
  select 'c' || n, 'g-' || n % ${GATEWAYS}, 'alarm.acknowledge', jsonb_build_object('occurrence', 'o' || n), n,
    case when n % 500 = 0 then null else 1 end from generate_series(1, 20000) n;
insert into gateway_events (gateway, epoch, seq, place, kind, happened_at, body)
  select 'g-' || n % ${GATEWAYS}, '${EPOCH}', n, 0, (array['write', 'drop', 'clock'])[n % 3 + 1], ${NOW} - n * 1000000::bigint,
    '{"kind":"clock","stepMs":1}' from generate_series(1, 30000) n;
insert into writes (gateway, via, id, asked_at, device, tag, by_whom, requested, error)
  select 'g-' || n % ${GATEWAYS}, 'hub', 'w' || n, ${NOW} - n * 1000, case n % 50 when 0 then 'packer' else 'device-' || n % 50 end, 't' || n % 100, 'u' || n % 40, '1', ''
  from generate_series(1, 20000) n;
insert into quarantine (gateway, received_at, reason, bytes, sample)
  select 'g-' || n % ${GATEWAYS}, n, '', 0, '' from generate_series(1, 10000) n;
insert into completeness_statements (gateway, day, made_at, body)
  select 'g-' || n, (date '2026-01-01' + d)::text, 1, '{"gateway":"g","missing":[]}'
  from generate_series(1, ${GATEWAYS}) n, generate_series(1, 300) d;
`;

/** Of people, programs and gateways that come in, and of what was changed. */
const IDENTITY_ROWS = `
insert into users (name, role, created_at) select 'u' || n, 'operator', n from generate_series(1, 2000) n;
insert into sessions (token_hash, user_name, created_at, expires_at, last_seen_at)
  select 's' || n, 'u' || n % 400 + 1, ${NOW} - n, ${NOW} + n * 1000, ${NOW} from generate_series(1, 20000) n;
insert into api_keys (id, name, prefix, key_hash, scopes, created_by, created_at, revoked_at)
  select 'k' || n, 'key ' || n, 'p', 'h' || n, '[]', 'u1', n, case when n % 3 = 0 then null else n end from generate_series(1, 5000) n;
insert into token_keys (kid, public_jwk, created_at) select 't' || n, '{}', n from generate_series(1, 50) n;
insert into refresh_families (id, user_name, created_at, expires_at)
  select 'f' || n, 'u' || n % 400 + 1, n, ${NOW} + n from generate_series(1, 10000) n;
insert into refresh_tokens (token_hash, family, issued_at, expires_at, used_at)
  select 'r' || n, 'f' || n % 10000 + 1, n, ${NOW} + n, case when n > 10000 then null else n end from generate_series(1, 20000) n;
insert into audit_log (at, actor, actor_kind, action, target, outcome)
  select ${NOW} - (50000 - n) * 600000::bigint, 'u' || n % 400, 'user', case when n % 1000 = 0 then 'user.change' else 'action ' || n % 30 end,
    'target ' || n % 3000, 'done' from generate_series(1, 50000) n;
insert into idempotency_keys (who, key, request_sha256, taken_at, status)
  select 'user:u' || n % 400, 'i' || n, '', ${NOW} - n * 1000, 200 from generate_series(1, 10000) n;
insert into enrolment_tokens (id, gateway, stored_key, hub_key, created_at, created_by, expires_at)
  select 'e' || n, 'g-' || n % ${GATEWAYS}, '', '', n, 'u1', ${NOW} - n * 100000::bigint from generate_series(1, 3000) n;
insert into gateway_certificates (serial, gateway, certificate, public_key, not_before, not_after, issued_at, issued_by, revoked_at)
  select 'c' || n, 'g-' || n % ${GATEWAYS}, repeat('x', 800), '', n, ${NOW} - 8640000000 + n * 2000000::bigint, n, 'u1',
    case when n % 40 = 0 then n end from generate_series(1, 6000) n;
insert into mqtt_accounts (name, password_hash, created_at, created_by, password_at)
  select 'm' || n, '', n, 'u1', n from generate_series(1, 300) n;
insert into rollouts (id, by_whom, created_at, ended_at, state, config)
  select 'ro' || n, 'u1', n, n, 'done', repeat('x', 4000) from generate_series(1, 200) n;
insert into rollout_gateways (rollout, gateway, wave, state, changed_at)
  select 'ro' || r, 'g-' || n, 1, 'done', r from generate_series(1, 200) r, generate_series(1, ${GATEWAYS}) n;
insert into machine_figures (path, made_at, body) select 'm' || n, n, '{}' from generate_series(1, 400) n;
`;

/** Of each collection one that is there. */
const IDS: Record<string, string> = {
  tags: '1',
  gateways: 'g-1',
  keys: 'k3',
  rollouts: 'ro7',
  'mqtt-accounts': 'm1',
};

interface Plan {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Cond'?: string;
  Filter?: string;
  Plans?: Plan[];
}

describe.skipIf(!hasPostgres)('the queries of the relational store', { timeout: 120_000 }, () => {
  let server: Postgres;
  let store: Relational;
  let db: Kysely<Database>;
  let hub: TestHub;
  let seen: { sql: string; parameters: readonly unknown[] }[] = [];
  const large = new Set<string>();

  beforeAll(async () => {
    server = await Postgres.start();
    store = await server.open({ onQuery: (query) => void seen.push(query) });
    db = store.db;
    hub = await startTestHub({ db });
    await server.sql(`${ROWS} ${IDENTITY_ROWS} analyze;`, 'lineside_1');
    const { rows } = await sql<{ name: string }>`select relname as name from pg_class
      where relkind = 'r' and reltuples >= ${LARGE} and relnamespace = 'public'::regnamespace`.execute(db);
    for (const { name } of rows) large.add(name);
    for (let n = 1; n <= GATEWAYS; n++)
      hub.board.gateways.know({ id: `g-${n}`, lastSeenAt: NOW, since: NOW, samplesStored: 0 });
    hub.board.catalog.add(await db.selectFrom('tags').selectAll().where('name', '<', 't2').execute());
  }, 120_000);

  afterAll(async () => {
    await hub?.close();
    await store?.close();
    await server?.dispose();
  });

  /** What was asked meanwhile. */
  async function asked(work: () => Promise<unknown>): Promise<typeof seen> {
    seen = [];
    await work();
    return seen.filter(({ sql: text }) => /^(select|insert|update|delete|with)/i.test(text));
  }

  /** Large tables that PostgreSQL would read whole for it. */
  async function scanned({ sql: text, parameters }: (typeof seen)[number]): Promise<string[]> {
    const plan = await db.connection().execute(async (connection) => {
      const { rows } = await connection.executeQuery<{ 'QUERY PLAN': { Plan: Plan }[] }>({
        ...sql`select 1`.compile(connection),
        sql: `explain (format json) ${text}`,
        parameters,
      });
      return rows[0]!['QUERY PLAN'][0]!.Plan;
    });
    const found: string[] = [];
    const look = (node: Plan) => {
      const walked = node['Node Type'].startsWith('Index') && !node['Index Cond'] && node.Filter !== undefined;
      if ((node['Node Type'] === 'Seq Scan' || walked) && large.has(node['Relation Name']!)) {
        found.push(`${node['Relation Name']!}${walked ? ` (by an index that does not know ${node.Filter})` : ''}`);
      }
      for (const inner of node.Plans ?? []) look(inner);
    };
    look(plan);
    return found;
  }

  async function expectIndexes(queries: typeof seen): Promise<void> {
    const bad: string[] = [];
    for (const query of new Map(queries.map((each) => [`${each.sql} ${each.parameters.join()}`, each])).values()) {
      const tables = await scanned(query);
      if (tables.length > 0) bad.push(`${tables.join()} is read whole by: ${query.sql}`);
    }
    expect(bad).toEqual([]);
  }

  test('notice a table that is read whole', async () => {
    expect(large).toContain('writes');
    const query = { sql: "select * from writes where comment = 'x'", parameters: [] };
    expect(await scanned(query)).toEqual(['writes']);
  });

  test('of every route that reads are few, whatever there is, and go by an index', async () => {
    const cookie = await hub.signIn();
    const document = (await (await fetch(`${hub.url}/api/openapi.json`)).json()) as {
      paths: Record<string, Record<string, { parameters?: { name: string; in: string; required?: boolean }[] }>>;
    };
    const known: Record<string, string> = {
      machine: 'acme/site/area/line/packer',
      occurrence: 'o1',
      from: '0',
      to: '1',
    };
    const all: typeof seen = [];
    const many: string[] = [];
    let answered = 0;
    for (const [path, methods] of Object.entries(document.paths)) {
      if (!methods.get || !path.startsWith('/api/')) continue;
      const [, collection] = /\/v1\/([\w-]+)\//.exec(path) ?? [];
      const idOf = IDS[collection ?? ''] ?? 'admin';
      const value = (name: string) => known[name] ?? idOf;
      const query = (methods.get.parameters ?? []).filter(
        (parameter) => parameter.in === 'query' && parameter.required,
      );
      const words = new URLSearchParams(Object.fromEntries(query.map(({ name }) => [name, value(name)])));
      const url = `${hub.url}${path.replace(/\{(\w+)\}/g, (_all, name: string) => encodeURIComponent(value(name)))}?${words}`;
      const queries = await asked(async () => {
        const response = await fetch(url, { headers: { cookie }, signal: AbortSignal.timeout(30_000) });
        if (response.ok) answered++;
        await response.body?.cancel();
      });
      if (queries.length > MOST_QUERIES) many.push(`${path} asks ${queries.length} times`);
      all.push(...queries);
    }
    expect(answered).toBeGreaterThanOrEqual(12);
    expect(many).toEqual([]);
    await expectIndexes(all);
  });

  test('of every filter of every list go by an index, for those of one site too', async () => {
    const admin = await hub.signIn();
    await insertUser(db, {
      ...{ name: 'of-a-site', fullName: '', role: 'engineer', sites: ['acme/site'], passwordHash: 'x', at: NOW },
      mustChangePassword: false,
    });
    const limited = `lineside_session=${await hub.access.sessions.open('of-a-site')}`;
    const document = (await (await fetch(`${hub.url}/api/openapi.json`)).json()) as {
      paths: Record<string, Record<string, { parameters?: { name: string; in: string; example?: unknown }[] }>>;
    };
    const asks: string[] = [];
    for (const [path, { get }] of Object.entries(document.paths)) {
      const names = (get?.parameters ?? []).filter((parameter) => parameter.in === 'query');
      if (path.includes('{') || !names.some(({ name }) => name === 'cursor')) continue;
      for (const { name, example } of names) {
        // What nearly all alarms are is found by walking along the list.
        if (!['limit', 'cursor', 'sort'].includes(name) && example !== 'normal')
          asks.push(`${path}?${name}=${encodeURIComponent(String(example))}`);
      }
    }
    // What there is hardly any of.
    for (const rare of [
      'priority=critical',
      'state=unacknowledged',
      'state=acknowledged',
      'rule=none',
      'device=none',
    ])
      asks.push(`/api/v1/alarms?${rare}`);
    const queries = await asked(async () => {
      for (const ask of asks) {
        for (const cookie of [admin, limited]) {
          const { status } = await fetch(`${hub.url}${ask}`, { headers: { cookie } });
          expect([200, 403, 404], ask).toContain(status);
        }
      }
    });
    expect(asks.length).toBeGreaterThan(25);
    await expectIndexes(queries);
  });

  test('of filtered lists and of everyday work go by an index', async () => {
    const cookie = await hub.signIn();
    const lists = [
      'alarms?limit=500',
      'writes?gateway=g-1',
      'writes?user=u3',
      'writes?gateway=g-1&device=packer&tag=t3',
      'audit?actor=u3',
      'audit?action=user.change',
      'audit?target=t7',
    ];
    const status = gatewayStatus({ gateway: 'g-1' });
    const event = { kind: 'clock', at: NOW, stepMs: 5, clock: 'host' } as never;
    const raised = { ...alarmEvent({ occurrence: 'o7', at: NOW }), tag: null };
    const run = { gateway: 'g-1', epoch: EPOCH, seq: 9, samples: 1, gaps: [], alarmEvents: [], events: [], at: NOW };
    const queries = await asked(async () => {
      for (const list of lists) await fetch(`${hub.url}/api/v1/${list}`, { headers: { cookie } });
      await commitAll(db, [
        {
          ...run,
          events: [{ seq: 9, place: 0, event }],
          alarmEvents: [raised, { ...raised, transition: 'acknowledged', state: 'acknowledged', at: NOW + 5_000 }],
        },
        { ...run, gateway: 'g-2', lease: { name: 'gateway:g-2', owner: 'nobody', fence: 1 } },
      ]);
      await upsertGatewayStatus(db, status, NOW);
      await insertQuarantine(db, { gateway: 'g-1', at: NOW, reason: 'x', payload: Buffer.alloc(1) });
      const command = {
        id: 'new',
        type: 'alarm.acknowledge',
        occurrence: 'o500',
        by: 'a',
        comment: '',
        at: NOW,
      } as const;
      await createCommand(db, 'g-1', command);
      await finishCommands(db, 'o500', NOW);
      await noteUnknown(db, { gateway: 'g-1', id: 'w60' }, 'it has gone off line', NOW);
      // As often as once a second.
      await rightsChangesAfter(db, (await newestAuditId(db)) - 200);
      await settleWrite(db, 'g-1', { id: 'w1', ok: true, old: 1, new: 2, at: NOW, error: '' }, NOW);
      await Promise.all([pendingCommands(db, 'g-1'), pendingOccurrences(db), openAlarms(db), findAlarm(db, 'o1')]);
      await Promise.all([tagIds(db, 'g-1', EPOCH), tagsOfGateway(db, 'g-1'), tagsOfDevice(db, 'g-1', 'packer')]);
      await Promise.all([watermarks(db, ['g-1', 'g-2']), listGaps(db, 'g-1'), listQuarantine(db, 'g-1')]);
      await listEvents(db, { gateway: 'g-1', kind: 'drop', limit: 50 });
      await listEvents(db, { kind: 'drop', limit: 50 });
      await gapsBetween(db, ['g-1', 'g-2'], NOW - 86_400_000, NOW);
      await eventsBetween(db, ['g-1', 'g-2'], ['drop'], NOW - 86_400_000, NOW);
      await statedDays(db, '2026-10-20');
    });
    expect(queries.length).toBeGreaterThan(30);
    await expectIndexes(queries);
  });

  test('of those who come in, and of what they change, go by an index', async () => {
    const cookie = await hub.signIn();
    const lists = [
      ...['audit', 'audit?actor=u7', 'audit?action=user.change', 'audit?target=target%207', 'users?limit=500'],
      ...[
        `audit?from=0&to=1000`,
        `audit?from=${NOW - 300 * 86_400_000}&to=${NOW - 250 * 86_400_000}`,
        `audit?actor=u7&from=${NOW}`,
        'keys?limit=500',
        'rollouts',
      ],
      ...['enrolment-tokens', 'gateways/g-1/certificates', 'mqtt-accounts'],
    ];
    const other = { who: 'user:u7', key: 'new' };
    const keys = new IdempotencyKeys(db, () => NOW);
    const queries = await asked(async () => {
      for (const list of lists) {
        const response = await fetch(`${hub.url}/api/v1/${list}`, { headers: { cookie } });
        expect([list, response.status]).toEqual([list, 200]);
        await response.body?.cancel();
      }
      await Promise.all([findSession(db, 's7', NOW), findUser(db, 'u7'), findUserAtProvider(db, 'i', 's')]);
      await touchSession(db, 's7', NOW, NOW + 1);
      await deleteSession(db, 's9');
      await deleteExpiredSessions(db, NOW - 1_000_000);
      await Promise.all([findKey(db, 'h7', NOW), touchKey(db, 'k7', NOW, '')]);
      await userOfFamily(db, 'f7', NOW);
      await db.transaction().execute(async (trx) => {
        await useRefreshToken(trx, 'r7', NOW);
        await revokeOldest(trx, 'u7', 10, NOW);
        await lockUser(trx, 'u7');
        await endAllOf(trx, 'u7', { at: NOW, reason: 'x' });
        await deleteUser(trx, 'u8');
      });
      await deleteExpiredFamilies(db, 1_000);
      await Promise.all([newestAuditId(db), rightsChangesAfter(db, 49_900)]);
      await appendAudit(db, { actor: HUB, action: 'x', target: '', outcome: 'done', at: NOW });
      await keys.take(other.who, other.key, '');
      await keys.keep(other.who, other.key, { status: 200, contentType: '', body: '' });
      await keys.release(other.who, other.key);
      const token = { id: 'new', gateway: 'g-1', stored_key: '', hub_key: '', created_at: NOW, created_by: 'u1' };
      await insertToken(db, { ...token, expires_at: NOW }, NOW - 1_000_000_000);
      await findToken(db, 'e7');
      await endToken(db, 'e7', 0);
      await Promise.all([certificatesOf(db, 'g-1'), findCertificate(db, 'c7'), revokedSince(db, NOW - 1_000, NOW)]);
      await revokeCertificates(db, { gateway: 'g-1' }, { at: NOW, by: 'u1', reason: '' });
      await moveGateway(db, { id: 'ro7', gateway: 'g-1', state: 'done', detail: '', at: NOW });
      await endRollout(db, { id: 'ro7', state: 'done', reason: '', at: NOW });
      await insertRollout(db, { id: 'new', by: 'u1', config: '', waves: [['g-1'], ['g-2']], at: NOW });
      await setMqttPassword(db, 'm1', { hash: '', at: NOW });
    });
    expect(queries.length).toBeGreaterThan(40);
    await expectIndexes(queries);
  });
});
