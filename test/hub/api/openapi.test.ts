/** The OpenAPI document against an independent validator, and every operation of it against the real server. */
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NO_WORD } from '../../../hub/api/documentation/example.ts';
import { PROBLEMS } from '../../../hub/api/problem-list.ts';
import { commitRun } from '../../services/commit-run.ts';
import { alarmEvent } from '../../services/gateway-records.ts';
import { gatewayStatus } from '../../services/hub-world.ts';
import { columns, record } from '../../services/samples.ts';
import { startTestHub, type TestHub } from '../../services/test-hub.ts';

interface Media {
  schema: object;
  example?: unknown;
  examples?: Record<string, { value: unknown }>;
}
interface Operation {
  operationId: string;
  summary: string;
  tags: string[];
  security?: unknown[];
  parameters?: { name: string; in: string; required?: boolean; schema: object; example?: unknown }[];
  requestBody?: { content: Record<string, Media> };
  responses: Record<string, { description: string; content?: Record<string, Media> }>;
}
interface Document {
  tags: { name: string; description: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: Record<string, Record<string, unknown>>;
}

/** What stands for the parts of an address in the plant of these tests. */
const PARTS: Record<string, string> = {
  '/tags/{id}': '1',
  '/gateways/{id}': 'line-1',
  '{occurrence}': 'o1',
  '/users/{name}': 'm.keller',
  '{name}': 'energy-monitor',
  '{serial}': '1f3a9c',
  '/equipment/{path}': 'acme',
  '/sites/{path}': 'acme/site',
  '/areas/{path}': 'acme/site/area',
  '/lines/{path}': 'acme/site/area/line',
  '/cells/{path}': 'acme/site/area/line/packer',
  '/machines/{path}': 'acme/site/area/line/packer',
};
/** They take an id that nobody has yet. */
const MAKES_NEW = new Set(['postGatewaysIdEnrolmentToken']);
/** The same for what must be in a query. */
const WORDS: Record<string, string> = { machine: 'acme/site/area/line/packer', tag: '1' };
const T0 = Date.UTC(2026, 5, 15, 8);

let hub: TestHub;
let cookie: string;
let document: Document;
const checks = new Map<string, ValidateFunction>();
const ajv = addFormats.default(new Ajv2020({ strict: false, validateFormats: true }));

beforeAll(async () => {
  hub = await startTestHub();
  cookie = await hub.signIn();
  const tag = { gateway: 'line-1', device: 'packer', unit: '', description: '' };
  hub.board.catalog.add([
    { ...tag, id: 1, name: 'speed', type: 'float64', unit: '1/min', writable: true, min: 0, max: 200 },
    { ...tag, id: 2, name: 'state', type: 'integer' },
  ]);
  hub.board.report(gatewayStatus({ online: false }));
  hub.board.observe(columns([1, T0, 120.5], [2, T0, 6]));
  await hub.stores.timeSeries.append([record(1, columns([1, T0, 120.5]))]);
  await hub.alarms.start();
  const raised = [alarmEvent({ occurrence: 'o1', at: T0, tag: 0 })];
  await hub.alarms.changed(await commitRun(hub.stores.db, { alarms: raised }));
  const actor = { name: 'admin', kind: 'user' as const, address: '', requestId: '' };
  await hub.access.users.create(actor, { name: 'm.keller', fullName: '', role: 'operator', sites: null });
  document = (await (await fetch(`${hub.url}/api/openapi.json`)).json()) as Document;
  ajv.addSchema({ ...document, $id: 'document' });
});
afterAll(() => hub.close());

function operations(): { path: string; method: string; operation: Operation }[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
}

/** What is wrong with a value; its schema is one of the document’s. */
function wrong(schema: object, value: unknown): string[] {
  const whole = JSON.stringify(schema).replaceAll('"#/components/', '"document#/components/');
  const check = checks.get(whole) ?? ajv.compile(JSON.parse(whole) as object);
  checks.set(whole, check);
  return check(value) ? [] : (check.errors ?? []).map((error) => `${error.instancePath} ${error.message}`);
}

function addressOf(path: string, parameters: Operation['parameters'] = []): string {
  let address = path;
  for (const [part, value] of Object.entries(PARTS)) {
    const [, name] = /(\{\w+\})/.exec(part)!;
    if (address.includes(part)) address = address.replace(part, part.replace(name!, encodeURIComponent(value)));
  }
  const query = parameters.filter((each) => each.in === 'query' && (each.required || each.name === 'limit'));
  const words = query.map(({ name, example }) => `${name}=${encodeURIComponent(WORDS[name] ?? String(example))}`);
  return words.length > 0 ? `${address}?${words.join('&')}` : address;
}

/** Asks, and finds nothing in the answer that the document does not say. */
async function ask(
  { path, method, operation }: ReturnType<typeof operations>[0],
  change: RequestInit & { address?: string } = {},
): Promise<number> {
  const { address = addressOf(path, operation.parameters), ...init } = change;
  const media = operation.requestBody?.content['application/json'];
  const headers = { cookie, ...(media ? { 'content-type': 'application/json' } : {}), ...init.headers };
  const body = media ? { body: JSON.stringify(media.example) } : {};
  const response = await fetch(`${hub.url}${address}`, { method: method.toUpperCase(), ...body, ...init, headers });
  const what = `${method} ${address} → ${response.status}`;
  const answer = operation.responses[response.status];
  expect(answer, `${what} is not documented`).toBeDefined();
  expect(response.headers.get('x-request-id'), what).toMatch(/./);
  const text = await response.text();
  const type = response.headers.get('content-type')?.split(';')[0] ?? '';
  if (!answer?.content) expect([what, text]).toEqual([what, '']);
  else {
    expect(Object.keys(answer.content), what).toContain(type);
    expect([what, wrong(answer.content[type]!.schema, JSON.parse(text))]).toEqual([what, []]);
  }
  return response.status;
}

describe('the document', () => {
  test('is valid OpenAPI 3.1 to another’s validator', async () => {
    const validator = new Validator();
    expect(await validator.validate(structuredClone(document) as unknown as Record<string, unknown>)).toEqual({
      valid: true,
    });
    expect(validator.version).toBe('3.1');
  });

  test('names every operation once, under tags that it describes', () => {
    const ids = operations().map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    const described = new Set(document.tags.filter(({ description }) => description !== '').map(({ name }) => name));
    for (const { operation } of operations()) {
      expect(operation.tags.length, operation.operationId).toBe(1);
      expect([...described], operation.operationId).toContain(operation.tags[0]);
      expect(operation.summary, operation.operationId).toMatch(/\w/);
    }
  });

  test('has an example of every request and answer, and each fits its schema', () => {
    const bare: string[] = [];
    const look = (where: string, { schema, example, examples }: Media) => {
      const shown = examples ? Object.values(examples).map(({ value }) => value) : [example];
      expect(shown.length, where).toBeGreaterThan(0);
      for (const value of shown) {
        const missing = JSON.stringify(value).match(new RegExp(`${NO_WORD}\\w*`, 'g')) ?? [];
        bare.push(...missing.map((words) => `${where}: ${words}`));
        if (missing.length === 0) expect([where, wrong(schema, value)]).toEqual([where, []]);
      }
    };
    for (const { operation } of operations()) {
      const { operationId, parameters = [], requestBody, responses } = operation;
      for (const { name, schema, example } of parameters.filter((each) => 'name' in each))
        look(`${operationId} ${name}`, { schema, example });
      for (const media of Object.values(requestBody?.content ?? {})) look(`${operationId} body`, media);
      for (const [status, { content, description }] of Object.entries(responses)) {
        expect(description, `${operationId} ${status}`).not.toBe('Default Response');
        for (const media of Object.values(content ?? {})) look(`${operationId} ${status}`, media);
      }
    }
    // A field that has no word of its own: give it one in hub/api/documentation/example-words.ts.
    expect(bare).toEqual([]);
  });

  test('shows things as they may be at a plant: times of this century, and what is named after what it is', () => {
    const odd: string[] = [];
    const look = (where: string, value: unknown): void => {
      if (typeof value !== 'object' || value === null) return;
      for (const [name, inner] of Object.entries(value)) {
        const isTime = /(^at|At|Before|After)$/.test(name) && typeof inner === 'number';
        if (isTime && inner < Date.UTC(2000, 0)) odd.push(`${where} ${name} ${inner}`);
        // The word of the tag that the documents speak of; nobody else is called so.
        if (name === 'name' && inner === 'speed' && !('unit' in value)) odd.push(`${where} ${name} ${inner}`);
        look(`${where} ${name}`, inner);
      }
    };
    const levels: string[] = [];
    for (const { operation } of operations()) {
      const { operationId, requestBody, responses } = operation;
      look(operationId, requestBody?.content['application/json']?.example);
      for (const [status, { content }] of Object.entries(responses)) {
        const example = content?.['application/json']?.example as { level?: string; items?: { level?: string }[] };
        if (status.startsWith('2')) look(operationId, example);
        const level = status === '200' ? (example?.level ?? example?.items?.[0]?.level) : undefined;
        if (level !== undefined) levels.push(`${operationId} ${level}`);
      }
    }
    // Give its shape words of its own in hub/api/documentation/example-shapes.ts.
    expect(odd).toEqual([]);
    expect(levels).toContain('listAreasOfSite area');
    expect(levels).toContain('getLine line');
  });

  test('explains every problem, and each type leads to its page', async () => {
    const list = await (await fetch(`${hub.url}/docs/problems`)).text();
    for (const [code, { means }] of Object.entries(PROBLEMS)) {
      expect(list).toContain(means);
      expect((await fetch(`${hub.url}/docs/problems/${code}`)).status).toBe(200);
    }
    expect((await fetch(`${hub.url}/docs/problems/constructor`)).status).toBe(404);
  });
});

describe('every operation of the document', () => {
  test('answers as it says when it is asked as it says', async () => {
    const found: Record<string, number> = {};
    // Signing out is last: it ends what the others need.
    for (const each of operations().sort(
      (a, b) => Number(a.path.endsWith('logout')) - Number(b.path.endsWith('logout')),
    )) {
      found[each.operation.operationId] = await ask(each);
    }
    // Without a gateway behind it a write finds nobody to ask, and the example's password is nobody's.
    expect(found).toMatchObject({ signIn: 401, postMePassword: 403, writeTag: 409, pushGatewayConfig: 409 });
    const reads = operations().filter(({ method }) => method === 'get');
    // There is no gateway behind this hub that could be asked.
    const asking = ['getGatewayConfig', 'getGatewayLogs'];
    const failed = reads.filter(
      ({ operation }) => !asking.includes(operation.operationId) && found[operation.operationId] !== 200,
    );
    expect(failed.map(({ path }) => path)).toEqual([]);
  });

  test('says no as it says to what is wrong', async () => {
    cookie = await hub.signIn();
    for (const each of operations()) {
      const { path, method, operation } = each;
      const address = addressOf(path, operation.parameters);
      if (path.startsWith('/api/') && operation.security?.length !== 0) {
        expect(await ask(each, { headers: { cookie: '' } }), address).toBe(401);
      }
      const query = operation.parameters?.filter((parameter) => parameter.in === 'query') ?? [];
      if (query.some(({ name }) => name === 'cursor')) {
        expect(await ask(each, { address: `${address.split('?')[0]}?limit=0` }), address).toBe(400);
        expect(await ask(each, { address: `${address.split('?')[0]}?nothing=1` }), address).toBe(400);
        expect([400, 200], address).toContain(await ask(each, { address: `${address.split('?')[0]}?cursor=x` }));
      }
      if (query.some(({ required }) => required)) {
        expect(await ask(each, { address: address.split('?')[0]! }), address).toBe(400);
      }
      if (path.includes('{') && !MAKES_NEW.has(operation.operationId)) {
        const nothing = path.replaceAll(/\{\w+\}/g, '999999');
        expect([400, 404], address).toContain(
          await ask(each, { address: nothing + (address.split('?')[1] ? `?${address.split('?')[1]}` : '') }),
        );
      }
      if (method !== 'get' && operation.requestBody) {
        expect(await ask(each, { body: '{' }), address).toBe(400);
        expect(await ask(each, { body: '[1]' }), address).toBe(400);
        expect(await ask(each, { body: 'a', headers: { 'content-type': 'text/xml' } }), address).toBe(415);
        expect(await ask(each, { headers: { origin: 'https://evil.example' } }), address).toBe(403);
      }
    }
  });
});
