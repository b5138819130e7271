/** Setting tags through the API; the gateway is played by the test. */
import { Problem, type TagView, WriteView } from '@lineside/shared/contracts/api.ts';
import type { WriteEvent } from '@lineside/shared/contracts/event.ts';
import type { WriteOutcome } from '@lineside/shared/contracts/write.ts';
import { Value } from 'typebox/value';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { commitRun } from '../../services/commit-run.ts';
import { gatewayStatus } from '../../services/hub-world.ts';
import { startTestHub, type TestHub } from '../../services/test-hub.ts';

const MACHINE = encodeURIComponent('acme/site/area/line/packer');
const T0 = Date.UTC(2026, 5, 15, 8);

let hub: TestHub;
let cookie: string;

beforeAll(async () => {
  hub = await startTestHub();
  cookie = await hub.signIn();
  const tag = { gateway: 'line-1', device: 'packer', unit: '', description: '' };
  hub.board.catalog.add([
    { ...tag, id: 1, name: 'speed', type: 'float64' },
    { ...tag, id: 11, name: 'target', type: 'float64', unit: '1/min', writable: true, min: 0, max: 60 },
    { ...tag, id: 12, name: 'mode', type: 'string', writable: true, names: ['Off', 'Auto'] },
    { ...tag, id: 13, name: 'flush', type: 'boolean', writable: true },
    { ...tag, id: 14, name: 'order', type: 'string', writable: true },
    { ...tag, id: 15, name: 'level', type: 'float64', writable: true },
    { ...tag, id: 16, name: 'level', type: 'integer', writable: true },
  ]);
  hub.board.report(gatewayStatus());
});
afterAll(() => hub.close());

function call(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${hub.url}${path}`, { ...init, headers: { cookie, ...(init.headers as Record<string, string>) } });
}

function post(path: string, body: unknown): Promise<Response> {
  return call(path, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });
}

async function problem(response: Response): Promise<Problem> {
  const body = await response.json();
  expect(Value.Errors(Problem, body)).toEqual([]);
  expect((body as Problem).status).toBe(response.status);
  return body as Problem;
}

describe('writing a tag', () => {
  const write = (tag: number, value: unknown, comment = 'trial') =>
    post(`/api/v1/tags/${tag}/write`, { value, comment });
  const audit = async (query = '') => {
    const response = await call(`/api/v1/writes${query}`);
    expect(response.status).toBe(200);
    return (await response.json()) as { items: WriteView[]; next: string | null };
  };
  const last = async () => (await audit('?limit=1')).items[0]!;
  /** The gateway's answer to the newest command. */
  const answer = async (more: Partial<WriteOutcome> = {}) => {
    const command = await vi.waitFor(() => hub.asked.at(-1)!);
    const outcome = { id: command.id, ok: true, old: 30, new: 45, at: T0, error: '', ...more };
    await hub.writes.replied('line-1', { type: 'tag.write', outcome });
    return outcome;
  };

  test('shows which tags may be written, and within which limits', async () => {
    const { items: tags } = (await (await call(`/api/v1/tags?machine=${MACHINE}`)).json()) as { items: TagView[] };
    expect(Object.fromEntries(tags.map(({ name, write: may }) => [name, may]))).toMatchObject({
      speed: undefined,
      target: { min: 0, max: 60, names: [] },
      mode: { min: null, max: null, names: ['Off', 'Auto'] },
    });
    const { items: writable } = (await (await call('/api/v1/tags?writable=true&sort=machine')).json()) as {
      items: TagView[];
    };
    expect(writable).toEqual(tags.filter(({ write: may }) => may));
  });

  test.each([
    [11, 45.5, 'target'],
    [12, 'Auto', 'mode'],
    [13, true, 'flush'],
    [14, '0012', 'order'],
  ])('asks the gateway once, and tells what became of it: tag %s to %j', async (id, value, tag) => {
    hub.asked.length = 0;
    const waiting = write(id, value);
    await vi.waitFor(() => expect(hub.asked).toHaveLength(1));
    const [command] = hub.asked;
    const { id: name, at, expiresAt, ...rest } = command!;
    expect(rest).toEqual({ type: 'tag.write', device: 'packer', tag, value, by: 'admin', comment: 'trial' });
    expect(expiresAt - at).toBe(5_000);
    const asked = {
      id: name,
      tag,
      requested: value,
      state: 'waiting',
      by: 'admin',
      via: 'hub',
      machineName: 'Packer',
    };
    expect(await last()).toMatchObject(asked);
    const outcome = await answer({ old: null, new: value });
    expect(await (await waiting).json()).toEqual(outcome);
    expect(await last()).toMatchObject({ ...asked, state: 'written', new: value, decidedAt: T0, error: '' });
    expect(hub.asked).toHaveLength(1);
    // Those who look on see it come and go.
    const title = `set packer/${tag} to ${value}`;
    expect(hub.board.jobs.all()[0]).toMatchObject({ id: name, kind: 'write', title, state: 'done', by: 'admin' });
  });

  test('what the gateway refuses is an answer, and its words stand in the audit', async () => {
    const waiting = write(11, 50);
    await vi.waitFor(() => expect(hub.asked.at(-1)).toMatchObject({ value: 50 }));
    const { error } = await answer({ ok: false, new: 30, error: 'the device refused it' });
    expect(await (await waiting).json()).toMatchObject({ ok: false, old: 30, error });
    expect(await last()).toMatchObject({ state: 'failed', old: 30, new: 30, error });
  });

  const REFUSED: [tag: number, value: unknown, status: number, code: string, told: RegExp][] = [
    [99, 1, 404, 'TAG_NOT_FOUND', /no tag 99/],
    [15, 1, 404, 'TAG_NOT_FOUND', /no tag 15/],
    [1, 1, 409, 'TAG_NOT_WRITABLE', /writable: true/],
    [11, 61, 400, 'VALUE_REFUSED', /61 is beyond the limits of target, 0 to 60/],
    [11, '45', 400, 'VALUE_REFUSED', /takes a number/],
    [11, true, 400, 'VALUE_REFUSED', /takes a number/],
    [13, 1, 400, 'VALUE_REFUSED', /true or false/],
    [12, 'Manual', 400, 'VALUE_REFUSED', /one of Off, Auto/],
    [14, 5, 400, 'VALUE_REFUSED', /takes a text/],
    [11, null, 400, 'REQUEST_INVALID', /value/],
    [11, { deep: 1 }, 400, 'REQUEST_INVALID', /value/],
  ];
  test.each(REFUSED)('refuses tag %s = %j with %s %s', async (tag, value, status, code, told) => {
    const before = hub.asked.length;
    const response = await write(tag, value);
    expect(await problem(response)).toMatchObject({ status, code, detail: expect.stringMatching(told) });
    expect(hub.asked).toHaveLength(before);
    if (code === 'VALUE_REFUSED' || code === 'TAG_NOT_WRITABLE') {
      const refused = { requested: value, state: 'failed', by: 'admin', error: expect.stringMatching(told) };
      expect(await last()).toMatchObject(refused);
    }
  });

  test('refuses while the gateway is off line, and keeps nothing for later', async () => {
    hub.board.report({ ...gatewayStatus(), online: false });
    const before = hub.asked.length;
    expect(await problem(await write(11, 5))).toMatchObject({ status: 409, code: 'GATEWAY_OFFLINE' });
    hub.board.report(gatewayStatus());
    expect(hub.asked).toHaveLength(before);
    expect(await last()).toMatchObject({ state: 'failed', error: expect.stringContaining('not connected') });
  });

  test('without an answer it is not known, until the gateway’s record of it comes', async () => {
    const response = await write(11, 7);
    const { detail, ...rest } = await problem(response);
    expect(rest).toMatchObject({ status: 504, code: 'WRITE_UNKNOWN', title: 'No answer on the write' });
    expect(detail).toMatch(/not known whether it was written/);
    expect(await last()).toMatchObject({ state: 'unknown', error: expect.stringContaining('look at the value') });
    const { id, device, tag, by, comment } = hub.asked.at(-1)!;
    const event: WriteEvent = {
      ...{ kind: 'write', at: T0, id, device, tag, by, via: 'hub', comment, requested: 7 },
      ...{ old: 5, new: 7, ok: true, error: '' },
    };
    await commitRun(hub.stores.db, { events: [{ seq: 1, place: 0, event }] });
    hub.writes.decided('line-1', event);
    expect(await last()).toMatchObject({ id, state: 'written', old: 5, new: 7, error: '' });
  });

  test('the record alone answers too, when the reply is lost; another gateway’s does not', async () => {
    const waiting = write(11, 8);
    const command = await vi.waitFor(() => {
      expect(hub.asked.at(-1)).toMatchObject({ value: 8 });
      return hub.asked.at(-1)!;
    });
    const event = {
      ...({
        kind: 'write',
        at: T0,
        id: command.id,
        device: 'packer',
        tag: 'target',
        by: 'admin',
        comment: '',
      } as const),
      ...{ requested: 8, old: 7, new: 8, ok: true, error: '' },
    };
    hub.writes.decided('line-2', { ...event, via: 'hub', new: 1 });
    hub.writes.decided('line-1', { ...event, via: 'mqtt', new: 2 });
    hub.writes.decided('line-1', { ...event, via: 'hub' });
    expect(await (await waiting).json()).toEqual({ id: command.id, ok: true, old: 7, new: 8, at: T0, error: '' });
  });

  test('the audit goes back page by page, and by whom, where and what', async () => {
    const all = (await audit('?limit=500')).items;
    expect(all.length).toBeGreaterThan(10);
    const paged: WriteView[] = [];
    let cursor = '';
    do {
      const page = await audit(`?limit=4${cursor && `&cursor=${cursor}`}`);
      paged.push(...page.items);
      cursor = page.next ?? '';
    } while (cursor);
    expect(paged).toEqual(all);
    for (const item of all) expect(Value.Errors(WriteView, item)).toEqual([]);
    expect((await audit('?tag=mode&device=packer&gateway=line-1&user=admin')).items.map(({ tag }) => tag)).toEqual([
      'mode',
      'mode',
    ]);
    expect((await audit('?user=nobody')).items).toEqual([]);
    for (const wrong of ['x', 'W10', 'bnVsbA']) {
      const response = await call(`/api/v1/writes?cursor=${wrong}`);
      expect(await problem(response)).toMatchObject({ status: 400, code: 'CURSOR_INVALID' });
    }
  });
});
