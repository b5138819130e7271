import type { Value } from '@lineside/shared/contracts/frame.ts';
import {
  AccessLevelFlag,
  DataType,
  type ReadRequest,
  type StatusCode,
  StatusCodes,
  Variant,
  type WriteRequest,
} from 'node-opcua-client';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Driver } from '../../../../gateway/drivers/driver.ts';
import type { OpcUaTag } from '../../../../gateway/drivers/opcua/config.ts';
import { opcua } from '../../../../gateway/drivers/opcua/opcua.ts';
import type { OpcUaTestServer } from '../../../services/opcua-test-server.ts';
import { TcpCutter } from '../../../services/tcp-cutter.ts';
import { Collector, run } from '../collect.ts';
import { device, intercept, serve, tag, wait } from './settings.ts';

let context: Collector;
beforeEach(() => {
  context = new Collector();
});

async function up(endpoint: string, tags: OpcUaTag[], timeoutMs = 3000): Promise<Driver> {
  const driver = run(opcua, device({ endpoint, timeoutMs }), tags, context);
  await vi.waitFor(() => expect(driver.status().state).toBe('up'), wait);
  return driver;
}

/** What the server has been asked to write, before it fills in what was not said. */
function written(server: OpcUaTestServer): { type: string; times: unknown[]; status: number }[] {
  const requests: ReturnType<typeof written> = [];
  intercept<WriteRequest>(server, 'Write', ({ nodesToWrite }) => {
    const { value, sourceTimestamp, serverTimestamp, statusCode } = nodesToWrite![0]!.value;
    const type = DataType[value.dataType];
    requests.push({ type, times: [sourceTimestamp, serverTimestamp], status: statusCode.value });
    return undefined;
  });
  return requests;
}

type Case = [type: keyof typeof DataType, first: unknown, tag: OpcUaTag['type'], value: Value, becomes: Value];
const TYPES: Case[] = [
  ['Boolean', false, 'boolean', true, true],
  ['Boolean', false, 'boolean', 1, true],
  ['SByte', 0, 'integer', -128, -128],
  ['Byte', 0, 'integer', 255, 255],
  ['Int16', 0, 'integer', -32_768, -32_768],
  ['UInt16', 0, 'integer', 214.999_999_999_97, 215],
  ['Int32', 0, 'float64', -2_147_483_648, -2_147_483_648],
  ['UInt32', 0, 'integer', 4_294_967_295, 4_294_967_295],
  ['Int64', [0, 0], 'integer', -2, -2],
  ['Int64', [0, 0], 'integer', Number.MIN_SAFE_INTEGER, Number.MIN_SAFE_INTEGER],
  ['UInt64', [0, 0], 'integer', Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  ['Float', 0, 'float32', 0.1, Math.fround(0.1)],
  ['Double', 0, 'float64', -0, -0],
  ['Double', 0, 'float64', 0.1, 0.1],
  ['String', '', 'string', 'läuft', 'läuft'],
  ['Int16', 0, 'boolean', true, true],
];

const NO_PLACE: [type: keyof typeof DataType, first: unknown, tag: OpcUaTag['type'], value: Value, says: string][] = [
  ['Boolean', false, 'boolean', 2, '2 is not true or false'],
  ['Byte', 0, 'integer', 256, "256 does not fit the node's Byte, which goes from 0 to 255"],
  ['UInt64', [0, 0], 'integer', -1, '-1 does not fit'],
  ['Int64', [0, 0], 'integer', 2 ** 53, '9007199254740992 does not fit'],
  ['Float', 0, 'float32', 1e39, '1e+39 does not fit a Float'],
  ['Double', 0, 'float64', 'x', '"x" is not a number'],
  ['Double', 0, 'float64', null, 'null is not a number'],
  ['String', '', 'string', 5, '5 is not a text'],
  ['DateTime', new Date(), 'string', 'now', 'holds a DateTime, which cannot be written'],
];

describe('values', () => {
  test('arrive as the type of their node, alone, and are read back; what has no place there is not sent', async () => {
    const all = [...TYPES, ...NO_PLACE];
    const variables = all.map(([type, first], i) => [`v${i}`, [DataType[type], first]]);
    const server = await serve(Object.fromEntries(variables));
    const requests = written(server);
    const driver = await up(
      server.endpoint,
      all.map(([, , type], i) => tag(`v${i}`, type)),
    );
    for (const [i, [type, first, , value, becomes]] of TYPES.entries()) {
      const old = typeof first === 'object' ? 0 : type === 'Int16' && becomes === true ? false : first;
      expect(await driver.write!(i + 1, value), `${type} ${value}`).toEqual({
        ok: true,
        old,
        new: becomes,
        error: '',
      });
      expect(requests.at(-1)).toEqual({ type, times: [null, null], status: 0 });
    }
    expect(requests).toHaveLength(TYPES.length);
    for (const [i, [type, , , value, says]] of NO_PLACE.entries()) {
      const result = await driver.write!(TYPES.length + i + 1, value);
      expect(result, type).toMatchObject({ ok: false, new: null });
      expect(result.error).toContain('nothing was written: ');
      expect(result.error).toContain(says);
    }
    expect(requests).toHaveLength(TYPES.length);
    await vi.waitFor(() => expect(context.last(15)?.value).toBe('läuft'), wait);
  });

  test('also of an enumeration, of an abstract type, and where there was none; not into an array', async () => {
    const server = await serve({});
    const { namespace, space } = server;
    const objects = space.rootFolder.objects;
    const mode = namespace.addEnumerationType({ browseName: 'Mode', enumeration: ['Manual', 'Auto'] });
    const kinds = { Mode: mode.nodeId, Any: 'Number', Fresh: 'UInt16', List: 'Double' };
    for (const [name, dataType] of Object.entries(kinds)) {
      const list = name === 'List';
      const variable = namespace.addVariable({
        organizedBy: objects,
        browseName: name,
        nodeId: `s=${name}`,
        dataType,
        valueRank: list ? 1 : -1,
        minimumSamplingInterval: 0,
      });
      if (name === 'Mode') variable.setValueFromSource({ dataType: DataType.Int32, value: 0 });
      if (name === 'Any') variable.setValueFromSource({ dataType: DataType.Float, value: 1 });
    }
    const tags = ['Mode', 'Any', 'Fresh', 'List'].map((name) => tag(name, name === 'Any' ? 'float64' : 'integer'));
    const requests = written(server);
    const driver = await up(server.endpoint, tags);
    expect(await driver.write!(1, 1)).toEqual({ ok: true, old: 0, new: 1, error: '' });
    expect(await driver.write!(2, 2.5)).toEqual({ ok: true, old: 1, new: 2.5, error: '' });
    expect(await driver.write!(3, 7)).toEqual({ ok: true, old: null, new: 7, error: '' });
    expect((await driver.write!(4, 7)).error).toContain('the node holds an array');
    expect(requests.map(({ type }) => type)).toEqual(['Int32', 'Float', 'UInt16']);
  });
});

const STATUSES: [status: StatusCode, says: string][] = [
  [StatusCodes.BadTypeMismatch, 'it wants another type'],
  [StatusCodes.BadNotWritable, 'the node can only be read'],
  [StatusCodes.BadUserAccessDenied, 'this user may not write it'],
  [StatusCodes.BadOutOfRange, 'beyond the limits that the server has'],
  [StatusCodes.BadLocked, 'another program has locked the node'],
  [StatusCodes.BadDataEncodingInvalid, 'the server refused it (BadDataEncodingInvalid)'],
];

describe('refusals', () => {
  test('of the server, of the node itself, and a tag that the server does not give', async () => {
    const server = await serve({ Speed: [DataType.Double, 1] });
    const { namespace, space } = server;
    let status: StatusCode = StatusCodes.Good;
    namespace.addVariable({
      organizedBy: space.rootFolder.objects,
      browseName: 'Shy',
      nodeId: 's=Shy',
      dataType: 'Double',
      minimumSamplingInterval: 0,
      value: { get: () => new Variant({ dataType: DataType.Double, value: 5 }), set: () => status },
    });
    const locked = namespace.addVariable({
      organizedBy: space.rootFolder.objects,
      browseName: 'Locked',
      nodeId: 's=Locked',
      dataType: 'Double',
      accessLevel: AccessLevelFlag.CurrentRead,
      value: { dataType: DataType.Double, value: 5 },
    });
    const requests = written(server);
    const driver = await up(server.endpoint, [tag('Shy'), tag('Locked'), tag('Missing')]);
    for (const [code, says] of STATUSES) {
      status = code;
      const result = await driver.write!(1, 6);
      expect(result).toMatchObject({ ok: false, old: 5, new: 5 });
      expect(result.error).toContain(says);
    }
    // Whether it was written is not known; what the node holds now is.
    status = StatusCodes.BadTimeout;
    const unsure = await driver.write!(1, 6);
    expect(unsure).toMatchObject({ ok: false, old: 5, new: 5 });
    expect(unsure.error).toContain('not known whether it was written: the server said BadTimeout; it holds 5 now');
    // Confirmed and not done.
    status = StatusCodes.Good;
    const limited = await driver.write!(1, 6);
    expect(limited).toMatchObject({ ok: false, old: 5, new: 5 });
    expect(limited.error).toContain('the server confirmed 6 and holds 5: it limits the value');
    const sent = requests.length;
    expect((await driver.write!(2, 6)).error).toContain('the node can only be read; remove writable');
    locked.accessLevel = AccessLevelFlag.CurrentRead | AccessLevelFlag.CurrentWrite;
    locked.userAccessLevel = AccessLevelFlag.CurrentRead;
    expect((await driver.write!(2, 6)).error).toContain('this user may not write it');
    expect((await driver.write!(3, 6)).error).toContain('the server does not give this tag (BadNodeIdUnknown)');
    expect((await driver.write!(9, 6)).error).toContain('no such tag');
    expect(requests).toHaveLength(sent);
  });
});

describe('one at a time', () => {
  test('each reads what the one before has written; not more than a hundred wait', async () => {
    const server = await serve({ Speed: [DataType.Double, 0] });
    const driver = await up(server.endpoint, [tag('Speed')]);
    const writes = Array.from({ length: 101 }, (_, i) => driver.write!(1, i + 1));
    expect((await writes[100]!).error).toContain('100 writes to this device wait already');
    const results = await Promise.all(writes.slice(0, 5));
    expect(results.map(({ ok, old, new: now }) => [ok, old, now])).toEqual(results.map((_, i) => [true, i, i + 1]));
    await driver.stop();
    expect((await writes[99]!).error).toMatch(/^nothing was written: /);
  });

  test('a server that does not answer gets it once, and it is said that nobody knows', async () => {
    const server = await serve({ Speed: [DataType.Double, 1] });
    const requests: WriteRequest[] = [];
    const raw = server.raw as unknown as Record<string, unknown>;
    raw._on_WriteRequest = ({ request }: { request: WriteRequest }) => requests.push(request);
    const driver = await up(server.endpoint, [tag('Speed')], 500);
    const began = performance.now();
    const result = await driver.write!(1, 6);
    expect(performance.now() - began).toBeLessThan(2500);
    expect(result).toMatchObject({ ok: false, old: 1, new: null });
    expect(result.error).toMatch(/^it is not known whether it was written: /);
    expect(requests).toHaveLength(1);
  });

  test('a cut in the middle ends it at once, and it is not sent again when the network is back', async () => {
    const server = await serve({ Speed: [DataType.Double, 1] });
    const cutter = await new TcpCutter(server.port).listen();
    onTestFinished(() => cutter.close());
    const driver = await up(`opc.tcp://127.0.0.1:${cutter.port}`, [tag('Speed')]);
    const requests: WriteRequest[] = [];
    const raw = server.raw as unknown as Record<string, unknown>;
    raw._on_WriteRequest = ({ request }: { request: WriteRequest }) => {
      requests.push(request);
      cutter.cut();
    };
    const writes = Promise.all([driver.write!(1, 6), driver.write!(1, 7)]);
    const [first, second] = await writes;
    expect(first!.error).toMatch(/^it is not known whether it was written: /);
    expect(second!.error).toMatch(/^nothing was written: /);
    expect((await driver.write!(1, 8)).error).toMatch(/^nothing was written: lost opc\.tcp/);
    cutter.mend();
    await vi.waitFor(() => expect(driver.status().state).toBe('up'), wait);
    expect(requests).toHaveLength(1);
    await driver.stop();
    expect((await driver.write!(1, 8)).error).toBe('nothing was written: the device is stopped');
  });

  test('a session that the server has forgotten does not have it written later', async () => {
    const server = await serve({ Speed: [DataType.Double, 1] });
    let lost = false;
    intercept<ReadRequest>(server, 'Read', () => (lost ? StatusCodes.BadSessionIdInvalid : undefined));
    const requests = written(server);
    const driver = await up(server.endpoint, [tag('Speed')]);
    lost = true;
    expect((await driver.write!(1, 6)).error).toContain(
      'could not be read before: the server says BadSessionIdInvalid',
    );
    expect(requests).toHaveLength(0);
  });
});
