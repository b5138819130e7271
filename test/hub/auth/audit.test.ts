/** Every operation of the OpenAPI document that may change something, done at the real server: what stands in the audit log. */
import type {
  ApiKeyWithSecret,
  AuditEntry,
  TokenPair,
  UserWithPassword,
} from '@lineside/shared/contracts/accounts.ts';
import type { AlarmEvent } from '@lineside/shared/contracts/alarm.ts';
import type { WriteEvent } from '@lineside/shared/contracts/event.ts';
import type { Page } from '@lineside/shared/contracts/page.ts';
import { parseToken, prove } from '@lineside/shared/enrolment/token.ts';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { newKey, requestFor } from '../../../gateway/identity/key-and-request.ts';
import { actionWords } from '../../../hub/web/src/format/audit-words.ts';
import { commitRun } from '../../services/commit-run.ts';
import { alarmEvent } from '../../services/gateway-records.ts';
import { actorNamed, gatewayStatus } from '../../services/hub-world.ts';
import { startTestHub, type TestHub } from '../../services/test-hub.ts';

const CONFIG = 'devices: []\npassword: hunter2\n';
const OLD_SHA = 'a'.repeat(64);
const PASSWORD = 'tractor seven moon';
/** What goes on with a sign-in that stands there already. */
const NO_LINE = new Set(['postTokensRefresh']);

interface Given {
  status: number;
  body: unknown;
  session: string;
}
type Ask = (body?: unknown, parts?: Record<string, string>, session?: string | null) => Promise<Given>;
type Expected = Partial<AuditEntry>;

let hub: TestHub;
let admin: string;
const secrets = [PASSWORD, 'hunter2'];
/** While it is open, gateways do not answer. */
let held = Promise.withResolvers<void>();
held.resolve();
/** What one operation leaves behind for the next. */
const left = { user: '', session: '', refresh: '', key: '', serial: '', rollout: '' };

beforeAll(async () => {
  hub = await startTestHub({
    send(gateway, command) {
      void held.promise.then(() => {
        if (command.type === 'config.push') {
          const changes = { added: ['oven'], changed: [], removed: [] };
          const told = { problems: [], changes, needsRestart: [], sha256: 'b'.repeat(64) };
          const result = { result: 'applied' as const, ...told };
          hub.configs.replied(gateway, { type: 'config.push', id: command.id, result });
          return;
        }
        const { ask } = command;
        const locked = 'device' in ask && ask.device === 'locked';
        const text = JSON.stringify(
          locked ? { ok: false, error: 'hub.accept does not name look' } : { ok: true, value: answerTo(ask.what) },
        );
        hub.fleet.replied(gateway, { type: 'fleet', id: command.id, piece: 0, pieces: 1, text });
      });
    },
  });
  secrets.push(hub.password);
  admin = await open('admin', hub.password);
  const tag = { gateway: 'line-1', device: 'packer', unit: '', description: '', type: 'float64' as const };
  hub.board.catalog.add([{ ...tag, id: 1, name: 'speed', writable: true }]);
  hub.board.report(gatewayStatus({ configSha256: OLD_SHA }));
  await hub.alarms.start();
  await hub.alarms.changed(await commitRun(hub.stores.db, { alarms: [alarmEvent({ occurrence: 'o1', tag: 0 })] }));
});
afterAll(() => hub.close());

function answerTo(what: string): unknown {
  const looked = { sound: true, problems: [], changes: { added: [], changed: [], removed: [] }, needsRestart: [] };
  if (what === 'config.read') return { config: 'gateway: { id: line-1 }\n', sha256: OLD_SHA, running: OLD_SHA };
  if (what === 'config.check') return { ...looked, sha256: OLD_SHA };
  if (what === 'look.nodes') return { at: 1_000, nodes: [], left: 0 };
  if (what === 'look.registers') return { at: 1_000, table: 'input', registers: [] };
  return what === 'restart' ? {} : { yaml: 'devices: []', account: [] };
}

async function open(name: string, password: string): Promise<string> {
  const origin = { address: '10.0.0.7', requestId: '' };
  return (await hub.access.sessions.login(name, password, origin)).token;
}

async function audit(query = ''): Promise<AuditEntry[]> {
  const headers = { cookie: `lineside_session=${admin}` };
  const { body } = await hub.app.inject({ method: 'GET', url: `/api/v1/audit?limit=200&${query}`, headers });
  return (JSON.parse(body) as Page<AuditEntry>).items;
}

/** How each is done so that it does something, in an order in which that can be; and what stands there then. */
const DONE: Record<string, (ask: Ask) => Promise<Expected>> = {
  async postUsers(ask) {
    const { body } = await ask({ name: 'eva', role: 'engineer', fullName: 'Eva' });
    left.user = (body as UserWithPassword).password;
    secrets.push(left.user);
    return {
      target: 'eva',
      before: null,
      after: { fullName: 'Eva', role: 'engineer', sites: null, disabled: false },
    };
  },
  async signIn(ask) {
    left.session = (await ask({ name: 'eva', password: left.user }, {}, null)).session;
    return { actor: 'eva', target: 'eva', after: { way: 'session' } };
  },
  async postMePassword(ask) {
    await ask({ current: left.user, new: PASSWORD }, {}, left.session);
    return {
      ...{ actor: 'eva', target: 'eva' },
      before: { mustChangePassword: true, passwordChangedAt: expect.any(Number) },
      after: expect.objectContaining({ mustChangePassword: false, sessionsEnded: 0 }),
    };
  },
  async postTokens(ask) {
    const { body } = await ask({ name: 'eva', password: PASSWORD }, {}, null);
    left.refresh = (body as TokenPair).refreshToken;
    return { actor: 'eva', target: 'eva', after: { way: 'token' } };
  },
  async postTokensRefresh(ask) {
    const { body } = await ask({ refreshToken: left.refresh }, {}, null);
    left.refresh = (body as TokenPair).refreshToken;
    secrets.push(left.refresh);
    return {};
  },
  async postTokensRevoke(ask) {
    await ask({ refreshToken: left.refresh }, {}, null);
    return { actor: 'eva', target: 'eva', after: { way: 'token' } };
  },
  async postMeEndSessions(ask) {
    await open('eva', PASSWORD);
    await ask(undefined, {}, left.session);
    return { actor: 'eva', target: 'eva', after: { sessionsEnded: 1, clientsEnded: 0 } };
  },
  async signOut(ask) {
    await ask(undefined, {}, left.session);
    return { actor: 'eva', target: 'eva', after: { way: 'session' } };
  },
  async postUsersNameEndSessions(ask) {
    await open('eva', PASSWORD);
    await ask(undefined, { name: 'eva' });
    return { target: 'eva', after: { sessionsEnded: 1, clientsEnded: 0 } };
  },
  async patchUsersName(ask) {
    await ask({ role: 'operator', sites: ['acme'] }, { name: 'eva' });
    return {
      target: 'eva',
      before: { fullName: 'Eva', role: 'engineer', sites: null, disabled: false },
      after: { fullName: 'Eva', role: 'operator', sites: ['acme'], disabled: false },
    };
  },
  async postUsersNameResetPassword(ask) {
    const { body } = await ask(undefined, { name: 'eva' });
    secrets.push((body as UserWithPassword).password);
    return {
      target: 'eva',
      before: { mustChangePassword: false, passwordChangedAt: expect.any(Number) },
      after: expect.objectContaining({ mustChangePassword: true, passwordChangedAt: expect.any(Number) }),
    };
  },
  async deleteUsersName(ask) {
    await ask(undefined, { name: 'eva' });
    return { target: 'eva', before: expect.objectContaining({ role: 'operator' }), after: null };
  },
  async postKeys(ask) {
    const { key, secret } = (await ask({ name: 'Grafana', scopes: ['tags.read'], expiresAt: null }))
      .body as ApiKeyWithSecret;
    left.key = key.id;
    secrets.push(secret);
    return { target: 'Grafana', after: expect.objectContaining({ scopes: ['tags.read'], prefix: key.prefix }) };
  },
  async deleteKeysId(ask) {
    await ask(undefined, { id: left.key });
    return { target: 'Grafana', before: expect.objectContaining({ id: left.key, scopes: ['tags.read'] }) };
  },
  async writeTag(ask) {
    const answered = ask({ value: 80, comment: 'trial' }, { id: '1' });
    await vi.waitFor(() => expect(hub.asked).not.toEqual([]), { timeout: 15_000, interval: 5 });
    const { id } = hub.asked.at(-1)!;
    const outcome = { id, ok: true, old: 60, new: 80, at: Date.now(), error: '' };
    await hub.writes.replied('line-1', { type: 'tag.write', outcome });
    await answered;
    return {
      target: 'line-1/packer/speed',
      before: { value: 60 },
      after: { value: 80, requested: 80, comment: 'trial' },
    };
  },
  async pushGatewayConfig(ask) {
    await ask({ config: CONFIG }, { id: 'line-1' });
    return {
      target: 'line-1',
      before: { sha256: OLD_SHA },
      after: { sha256: expect.stringMatching(/^[\da-f]{64}$/), characters: CONFIG.length, ...APPLIED },
    };
  },
  async checkGatewayConfig(ask) {
    await ask({ config: CONFIG }, { id: 'line-1' });
    return { target: 'line-1', after: { characters: CONFIG.length } };
  },
  async restartGateway(ask) {
    await ask(undefined, { id: 'line-1' });
    return { target: 'line-1' };
  },
  async browseThroughGateway(ask) {
    await ask({ endpoint: 'opc.tcp://plc:4840' }, { id: 'line-1' });
    return { target: 'line-1', after: expect.objectContaining({ endpoint: 'opc.tcp://plc:4840' }) };
  },
  async probeThroughGateway(ask) {
    await ask({ host: 'plc', from: 0, to: 9 }, { id: 'line-1' });
    return { target: 'line-1', after: expect.objectContaining({ host: 'plc', to: 9 }) };
  },
  async lookAtNodes(ask) {
    const node = 'nsu=urn:example:press;s=Press4';
    await ask({ device: 'press', node }, { id: 'line-1' });
    return { target: 'line-1/press', after: { device: 'press', node } };
  },
  async lookAtRegisters(ask) {
    await ask({ device: 'oven', table: 'input', first: 40, count: 4 }, { id: 'line-1' });
    return { target: 'line-1/oven', after: { device: 'oven', table: 'input', first: 40, count: 4 } };
  },
  async beginRollout(ask) {
    const wish = { gateways: ['line-1', 'line-2'], config: CONFIG, first: 1, each: 1 };
    hub.board.report({ ...gatewayStatus(), gateway: 'line-2' });
    held = Promise.withResolvers();
    left.rollout = ((await ask(wish)).body as { id: string }).id;
    return {
      target: left.rollout,
      after: expect.objectContaining({ waves: [['line-1'], ['line-2']], sha256: expect.any(String) }),
    };
  },
  async stopRollout(ask) {
    await ask(undefined, { id: left.rollout });
    held.resolve();
    return { target: left.rollout, before: { state: 'running' }, after: { state: 'stopped' } };
  },
  async postGatewaysIdEnrolmentToken(ask) {
    const { token } = (await ask({}, { id: 'line-9' })).body as { token: string };
    left.serial = token;
    const { id, secret } = parseToken(token)!;
    secrets.push(secret);
    return { target: 'line-9', after: { id, expiresAt: expect.any(Number) } };
  },
  async postEnrol(ask) {
    left.serial = await enrol(left.serial, ask);
    return {
      ...{ actor: 'line-9', actorKind: 'gateway', target: 'line-9', before: { certificates: [] } },
      after: { certificates: [left.serial], token: expect.any(String), tokenMadeBy: 'admin' },
    };
  },
  async deleteGatewaysIdCertificatesSerial(ask) {
    await ask(undefined, { id: 'line-9', serial: left.serial });
    const serials = [left.serial];
    return { target: 'line-9', before: { serials, valid: true }, after: { serials, valid: false, reason: '' } };
  },
  async deleteGatewaysIdCertificate(ask) {
    const { token } = await hub.enrolment.createToken('line-9', actorNamed('anna'));
    const serials = [await enrol(token)];
    await ask(undefined, { id: 'line-9' });
    return { target: 'line-9', before: { serials, valid: true }, after: { serials, valid: false, reason: '' } };
  },
  async deleteEnrolmentTokensToken(ask) {
    const { token } = await hub.enrolment.createToken('line-9', actorNamed('anna'));
    const { id } = parseToken(token)!;
    await ask(undefined, { token: id });
    return { target: 'line-9', before: { id }, after: null };
  },
  async postMqttAccounts(ask) {
    secrets.push(((await ask({ name: 'energy', sites: ['hamburg'] })).body as { password: string }).password);
    return { target: 'energy', after: { sites: ['hamburg'], comment: '' } };
  },
  async postMqttAccountsNamePassword(ask) {
    secrets.push(((await ask(undefined, { name: 'energy' })).body as { password: string }).password);
    return {
      target: 'energy',
      before: { passwordAt: expect.any(Number) },
      after: { passwordAt: expect.any(Number) },
    };
  },
  async deleteMqttAccountsName(ask) {
    await ask(undefined, { name: 'energy' });
    return { target: 'energy', before: { sites: ['hamburg'], comment: '' } };
  },
  async acknowledgeAlarm(ask) {
    await ask({ comment: 'seen' }, { occurrence: 'o1' });
    return {
      target: 'o1',
      before: { state: expect.any(String) },
      after: expect.objectContaining({ comment: 'seen' }),
    };
  },
};
const APPLIED = { result: 'applied', added: ['oven'] };

/** Gives a gateway its certificate; returns its serial. */
async function enrol(token: string, ask?: Ask): Promise<string> {
  const { gateway, id, secret } = parseToken(token)!;
  const open = { token: id, gateway, csr: await requestFor(gateway, await newKey()), at: Date.now() };
  const request = { ...open, proof: prove(secret, open) };
  if (ask) await ask(request, {}, null);
  else await hub.enrolment.enrol(request, { address: '', requestId: '' });
  return (await hub.enrolment.certificates(gateway))[0]!.serial;
}

test('every operation that changes something says who, what, before, after and from where, and no secret', async () => {
  const { paths } = JSON.parse((await hub.app.inject({ url: '/api/openapi.json' })).body) as {
    paths: Record<string, Record<string, { operationId: string; 'x-audit'?: string }>>;
  };
  const operations = new Map<string, { method: string; path: string; action: string | undefined }>();
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, { operationId, 'x-audit': action }] of Object.entries(methods)) {
      if (method !== 'get') operations.set(operationId, { method: method.toUpperCase(), path, action });
    }
  }
  const ids = [...operations.keys()];
  expect(new Set(ids.filter((id) => operations.get(id)!.action === undefined))).toEqual(NO_LINE);
  // A new operation is done here too.
  expect(Object.keys(DONE).sort()).toEqual(ids.sort());
  for (const [operationId, doIt] of Object.entries(DONE)) {
    const { method, path, action } = operations.get(operationId)!;
    let status = 0;
    const expected = await doIt(async (body, parts = {}, session = admin) => {
      const url = path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => encodeURIComponent(parts[name]!));
      const headers = {
        'x-request-id': operationId,
        ...(session !== null && { cookie: `lineside_session=${session}` }),
      };
      const answer = await hub.app.inject({
        ...{ method: method as 'POST', url, headers },
        ...(body !== undefined && { payload: body as object }),
      });
      status = answer.statusCode;
      const cookie = /^lineside_session=([\w-]+);/.exec(String(answer.headers['set-cookie']));
      return { status, body: answer.body === '' ? null : answer.json(), session: cookie?.[1] ?? '' };
    });
    expect([operationId, [200, 201, 204].includes(status)]).toEqual([operationId, true]);
    const lines = (await audit()).filter(({ requestId }) => requestId === operationId);
    if (NO_LINE.has(operationId)) {
      expect([operationId, lines]).toEqual([operationId, []]);
      continue;
    }
    const own = lines.find((line) => line.action === action);
    expect([operationId, own]).toEqual([
      operationId,
      expect.objectContaining({
        ...{ actor: 'admin', actorKind: 'user', action, outcome: 'done', address: '127.0.0.1' },
        ...{ requestId: operationId, at: expect.any(Number), ...expected },
      }),
    ]);
  }
  for (const { action } of operations.values()) if (action) expect(actionWords(action)).not.toBe(action);
  const all = JSON.stringify(await audit());
  for (const secret of secrets) expect(all).not.toContain(secret);
});

test('a look at a device that its gateway refuses stands there with the reason', async () => {
  const headers = { cookie: `lineside_session=${admin}`, 'x-request-id': 'locked' };
  const payload = { device: 'locked', first: 40, count: 4 };
  const url = '/api/v1/gateways/line-1/registers';
  expect((await hub.app.inject({ method: 'POST', url, headers, payload })).statusCode).toBe(502);
  expect((await audit('target=line-1/locked')).filter(({ requestId }) => requestId === 'locked')).toMatchObject([
    {
      ...{ actor: 'admin', action: 'gateway.look-at-registers', outcome: 'failed' },
      after: { device: 'locked', first: 40, count: 4, error: expect.stringContaining('hub.accept does not name') },
    },
  ]);
});

test('each gateway that a rollout brings its configuration to is a line of its own', async () => {
  await vi.waitFor(
    async () => {
      const lines = (await audit('action=gateway.configure')).filter(({ requestId }) => requestId === 'beginRollout');
      expect(lines).toMatchObject([
        { actor: 'admin', target: 'line-1', before: { sha256: OLD_SHA }, after: { result: 'applied' } },
      ]);
    },
    { timeout: 15_000 },
  );
});

test('what a gateway decided at its own broker stands there once, however often it tells', async () => {
  const event: WriteEvent = {
    ...{ kind: 'write', at: 1_000, id: 'scada/1', device: 'packer', tag: 'speed', by: 'scada', via: 'mqtt' },
    ...{ comment: '', requested: 5, old: 4, new: 5, ok: true, error: '' },
  };
  for (const seq of [2, 2, 3]) await commitRun(hub.stores.db, { seq, events: [{ seq, place: 0, event }] });
  expect(await audit('actor=scada')).toMatchObject([
    {
      ...{ actorKind: 'account', action: 'tag.write', target: 'line-1/packer/speed', outcome: 'done' },
      ...{ before: { value: 4 }, after: { value: 5, requested: 5, via: 'mqtt', decidedAt: 1_000 } },
    },
  ]);
});

describe('an alarm that was acknowledged', () => {
  const acknowledged = { transition: 'acknowledged', state: 'acknowledged' } as const;
  const linesOf = async (occurrence: string) =>
    (await audit(`target=${occurrence}`)).filter(({ actorKind }) => actorKind === 'gateway');
  const tell = (alarms: AlarmEvent[]) => commitRun(hub.stores.db, { alarms });

  test('at the machine stands there once, however often its gateway tells', async () => {
    const event = { ...acknowledged, at: 9_000, by: 'bob (at the machine)', comment: 'belt cleared' };
    const alarms = [{}, event].map((change) => alarmEvent({ occurrence: 'o2', tag: 0, ...change }));
    for (let times = 0; times < 3; times++) await tell(alarms);
    expect(await linesOf('o2')).toMatchObject([
      {
        ...{ actor: 'bob (at the machine)', action: 'alarm.acknowledge', outcome: 'done', address: 'gateway line-1' },
        before: { state: 'unacknowledged' },
        after: {
          state: 'acknowledged',
          gateway: 'line-1',
          rule: 'too-hot',
          comment: 'belt cleared',
          decidedAt: 9_000,
        },
      },
    ]);
  });

  test('through the hub does not stand there again when its gateway tells, but another who was faster does', async () => {
    for (const occurrence of ['o3', 'o4']) {
      await hub.alarms.changed(await tell([alarmEvent({ occurrence, tag: 0 })]));
      await hub.alarms.acknowledge(occurrence, 'anna', 'seen');
    }
    const own = { ...acknowledged, at: 9_000, by: 'anna', comment: 'seen' };
    await tell([alarmEvent({ occurrence: 'o3', tag: 0, ...own })]);
    await tell([alarmEvent({ occurrence: 'o4', tag: 0, ...own, by: 'bob (at the machine)' })]);
    expect(await linesOf('o3')).toEqual([]);
    expect(await linesOf('o4')).toMatchObject([{ actor: 'bob (at the machine)' }]);
  });

  test('in a device stands there again when it has come back, unless only its priority has changed', async () => {
    const by = { ...acknowledged, by: 'operator' };
    const priority = { priority: 'critical' } as const;
    const told = [{}, { ...by, at: 2_000 }, { ...priority, at: 5_000 }, { ...by, ...priority, at: 5_001 }];
    const anew = [{ at: 9_000 }, { ...by, at: 99_000 }];
    await tell([...told, ...anew].map((change) => alarmEvent({ occurrence: 'o5', tag: 0, ...change })));
    expect((await linesOf('o5')).map(({ after }) => after)).toMatchObject([
      { decidedAt: 99_000 },
      { decidedAt: 2_000 },
    ]);
  });
});

test('a configuration that was changed at the machine stands there once, and one of the hub not again', async () => {
  const lists = { problems: [], added: ['oven'], changed: [], removed: [] };
  const event = { kind: 'config' as const, at: 2_000, by: 'SIGHUP', result: 'applied', ...lists };
  const sent = { ...event, by: 'the hub, for anna' };
  const back = { ...event, by: 'rolled back: not confirmed', result: 'rolledBack' };
  const events = [event, sent, back].map((each, place) => ({ seq: 9, place, event: each }));
  for (let times = 0; times < 2; times++) await commitRun(hub.stores.db, { seq: 9, gateway: 'line-7', events });
  const who = { actor: 'line-7', actorKind: 'gateway', action: 'gateway.configure' };
  expect(await audit('target=line-7')).toMatchObject([
    { ...who, outcome: 'failed', after: { by: back.by, result: 'rolledBack' } },
    { ...who, outcome: 'done', after: { by: 'SIGHUP', result: 'applied', added: ['oven'], decidedAt: 2_000 } },
  ]);
});

test('a write that nobody has told of is not known, and stands there again when its gateway tells at last', async () => {
  const headers = { cookie: `lineside_session=${admin}`, 'x-request-id': 'late' };
  const before = hub.asked.length;
  const asked = hub.app.inject({ method: 'POST', url: '/api/v1/tags/1/write', headers, payload: { value: 7 } });
  await vi.waitFor(() => expect(hub.asked.length).toBe(before + 1), { timeout: 15_000, interval: 5 });
  hub.writes.gone('line-1');
  expect((await asked).statusCode).toBe(504);
  const { id, at } = hub.asked.at(-1)!;
  const event: WriteEvent = {
    ...{ kind: 'write', at, id, device: 'packer', tag: 'speed', by: 'admin', via: 'hub' },
    ...{ comment: '', requested: 7, old: 5, new: null, ok: false, error: 'the device did not take it' },
  };
  await commitRun(hub.stores.db, { seq: 4, events: [{ seq: 4, place: 0, event }] });
  const [told, unknown] = (await audit('action=tag.write')).filter(({ requestId }) => requestId === 'late');
  const who = { actor: 'admin', actorKind: 'user', address: '127.0.0.1' };
  expect(unknown).toMatchObject({ ...who, outcome: 'unknown', after: { requested: 7 } });
  expect(told).toMatchObject({
    ...{ ...who, outcome: 'failed', before: { value: 5 } },
    after: { requested: 7, error: 'the device did not take it' },
  });
});

test('a token that is used a second time stands there as refused, under who showed it', async () => {
  const { token } = await hub.enrolment.createToken('line-8', actorNamed('root at the hub', 'command'));
  await enrol(token);
  await expect(enrol(token)).rejects.toMatchObject({ code: 'TOKEN_USED' });
  const [refused, done, made] = await audit('target=line-8');
  expect(made).toMatchObject({ actor: 'root at the hub', actorKind: 'command', action: 'enrolment-token.create' });
  expect(done).toMatchObject({ actor: 'line-8', action: 'gateway.enrol', outcome: 'done' });
  expect(refused).toMatchObject({ actor: 'line-8', action: 'gateway.enrol', outcome: 'refused' });
});
