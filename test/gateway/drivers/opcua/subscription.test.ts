import { Quality } from '@lineside/shared/contracts/quality.ts';
import { DataType, DataValue, StatusCode, StatusCodes } from 'node-opcua-client';
import { beforeEach, expect, test, vi } from 'vitest';
import { opcua } from '../../../../gateway/drivers/opcua/opcua.ts';
import { TagSamples } from '../../../../gateway/drivers/opcua/tag-samples.ts';
import { Collector, run } from '../collect.ts';
import { device, intercept, serve, serverTurn, tag, wait } from './settings.ts';

let context: Collector;
beforeEach(() => {
  context = new Collector();
});

interface ItemRequest {
  itemToMonitor: { nodeId: { value: unknown } };
  requestedParameters: { samplingInterval: number; queueSize: number; discardOldest: boolean; filter: unknown };
}

test('sampling, queue and discard policy are those of each tag, and the full queue keeps what it should', async () => {
  const server = await serve({ Oldest: [DataType.Double, 0], Newest: [DataType.Double, 0] });
  const asked: ItemRequest['requestedParameters'][] = [];
  intercept<{ itemsToCreate: ItemRequest[] }>(server, 'CreateMonitoredItems', ({ itemsToCreate }) => {
    asked.push(...itemsToCreate.map((item) => item.requestedParameters));
    return undefined;
  });
  const driver = run(
    opcua,
    device({ endpoint: server.endpoint, publishingMs: 300, queueSize: 3, samplingMs: 0 }),
    [tag('Oldest'), tag('Newest', 'float64', { discardOldest: false, queueSize: 2 })],
    context,
  );
  await vi.waitFor(() => expect(context.last(2)?.value).toBe(0), wait);
  expect(asked.slice(0, 2).map(({ queueSize, discardOldest }) => [queueSize, discardOldest])).toEqual([
    [3, true],
    [2, false],
  ]);
  // All within one publishing interval, which has just begun.
  for (let value = 1; value <= 6; value++) {
    server.set('Oldest', DataType.Double, value);
    server.set('Newest', DataType.Double, value);
    await serverTurn();
  }
  await vi.waitFor(() => expect(context.last(2)?.value).toBe(6), wait);
  const [oldest, newest] = [1, 2].map((id) => context.samples(id).slice(1));
  expect(oldest!.map(({ value }) => value)).toEqual([4, 5, 6]);
  expect(newest!.map(({ value }) => value)).toEqual([1, 6]);
  // The code stays as it came, with the bits that tell of the overflow.
  expect(oldest![0]!.quality).toBe(0x480);
  expect(driver.status().missed).toBe(2);
});

test('a deadband is the server’s; one that it refuses is left out, and said so', async () => {
  const server = await serve({ Calm: [DataType.Double, 10], NoRange: [DataType.Double, 10] });
  const { namespace, space } = server;
  const { addAnalogDataItem } = namespace as unknown as Record<'addAnalogDataItem', (options: object) => void>;
  addAnalogDataItem.call(namespace, {
    organizedBy: space.rootFolder.objects,
    browseName: 'Ranged',
    nodeId: 's=Ranged',
    dataType: 'Double',
    engineeringUnitsRange: { low: 0, high: 200 },
    minimumSamplingInterval: 0,
    value: { dataType: DataType.Double, value: 10 },
  });
  const ranged = space.findNode(`ns=${namespace.index};s=Ranged`) as unknown as {
    setValueFromSource(value: { dataType: DataType; value: number }): void;
  };
  run(
    opcua,
    device({ endpoint: server.endpoint }),
    [
      tag('Calm', 'float64', { serverDeadband: { absolute: 2 } }),
      tag('NoRange', 'float64', { serverDeadband: { percent: 2 } }),
      tag('Ranged', 'float64', { serverDeadband: { percent: 2 } }),
    ],
    context,
  );
  await vi.waitFor(() => expect(context.last(3)?.value).toBe(10), wait);
  await vi.waitFor(() => expect(context.last(2)?.value).toBe(10), wait);
  for (const value of [11, 11.5, 13, 14, 16]) {
    server.set('Calm', DataType.Double, value);
    server.set('NoRange', DataType.Double, value);
    ranged.setValueFromSource({ dataType: DataType.Double, value });
    await serverTurn();
  }
  await vi.waitFor(() => expect(context.last(2)?.value).toBe(16), wait);
  const values = (id: number) => context.samples(id).map(({ value }) => value);
  expect(values(1)).toEqual([10, 13, 16]);
  expect(values(2)).toEqual([10, 11, 11.5, 13, 14, 16]);
  expect(values(3)).toEqual([10, 16]);
  const warned = context.logLines.filter((line) => line.includes('does not filter it'));
  expect(warned).toHaveLength(1);
  expect(warned[0]).toContain('s=NoRange');
  expect(warned[0]).toMatch(/\(Bad\w+\), so every change comes; a deadband in percent needs a node with EURange/);
});

test('status codes stay as they came, with their info bits; a Bad without a value is published', async () => {
  const server = await serve({ Level: [DataType.Double, 5] });
  run(opcua, device({ endpoint: server.endpoint }), [tag('Level')], context);
  await vi.waitFor(() => expect(context.last(1)?.value).toBe(5), wait);
  const limitHigh = StatusCode.makeStatusCode(StatusCodes.Good, 'LimitHigh');
  const uncertain = StatusCode.makeStatusCode(StatusCodes.UncertainSensorNotAccurate, 'LimitLow');
  server.set('Level', DataType.Double, 99, new Date(), limitHigh);
  await serverTurn();
  server.set('Level', DataType.Double, 1, new Date(), uncertain);
  await serverTurn();
  server.fail('Level', StatusCodes.BadOutOfService);
  await vi.waitFor(() => expect(context.last(1)?.value).toBe(null), wait);
  const got = context.samples(1).slice(1);
  expect(got.map(({ value, quality }) => [value, quality])).toEqual([
    [99, limitHigh.value],
    [1, uncertain.value],
    [null, Quality.BadOutOfService],
  ]);
  expect(limitHigh.value & 0x300).toBe(0x200);
});

test.each([
  ['source', { sourceTimestamp: 1000, serverTimestamp: 2000 }, 1000],
  ['source', { serverTimestamp: 2000 }, 2000],
  ['source', { sourceTimestamp: Date.UTC(1601), serverTimestamp: 2000 }, 2000],
  ['source', {}, 5000],
  ['server', { sourceTimestamp: 1000, serverTimestamp: 2000 }, 2000],
  ['server', { sourceTimestamp: 1000 }, 1000],
] as const)('timestamps %s of %o', async (timestamps, { sourceTimestamp, serverTimestamp }: Times, at) => {
  vi.spyOn(context, 'now').mockReturnValue(5000);
  const listed = [{ id: 1, name: 'speed', settings: tag('Speed') }];
  const samples = new TagSamples('packer', listed, context, timestamps);
  const date = (time?: number) => (time === undefined ? null : new Date(time));
  samples.take(
    0,
    new DataValue({
      value: { dataType: DataType.Double, value: 2 },
      sourceTimestamp: date(sourceTimestamp),
      serverTimestamp: date(serverTimestamp),
    }),
  );
  await vi.waitFor(() => expect(context.frames).toHaveLength(1));
  expect(context.frames[0]).toMatchObject({ sourceAt: [at], receivedAt: 5000 });
});

interface Times {
  sourceTimestamp?: number;
  serverTimestamp?: number;
}

test('polling: every new value, a Bad once, nothing repeated, and the size of a reading is the server’s', async () => {
  const count = 120;
  const names = Array.from({ length: count }, (_, i) => `T${i}`);
  const server = await serve(Object.fromEntries(names.map((name, i) => [name, [DataType.Double, i]])), {
    capabilities: { operationLimits: { maxNodesPerRead: 50 } },
  });
  intercept(server, 'CreateSubscription', () => StatusCodes.BadServiceUnsupported);
  const largest = { nodes: 0 };
  intercept<{ nodesToRead: unknown[] }>(server, 'Read', ({ nodesToRead }) => {
    largest.nodes = Math.max(largest.nodes, nodesToRead.length);
    return undefined;
  });
  const tags = [...names.map((name) => tag(name)), tag('Missing')];
  const driver = run(opcua, device({ endpoint: server.endpoint, mode: 'poll', pollMs: 50 }), tags, context);
  await vi.waitFor(() => expect(context.last(count)?.value).toBe(count - 1), wait);
  server.set('T0', DataType.Double, 77);
  await vi.waitFor(() => expect(context.last(1)?.value).toBe(77), wait);
  server.fail('T1', StatusCodes.BadSensorFailure);
  await vi.waitFor(() => expect(context.last(2)?.quality).toBe(Quality.BadSensorFailure), wait);
  const requests = driver.status().requests;
  await vi.waitFor(() => expect(driver.status().requests).toBeGreaterThan(requests + 20), wait);
  expect(context.samples(1).map(({ value }) => value)).toEqual([0, 77]);
  expect(context.samples(2).map(({ value }) => value)).toEqual([1, null]);
  expect(context.samples(count + 1).map(({ quality }) => quality)).toEqual([StatusCodes.BadNodeIdUnknown.value]);
  expect(largest.nodes).toBeLessThanOrEqual(50);
  expect(driver.status()).toMatchObject({
    state: 'up',
    reason: '120 of 121 tags; 1 refused: 1 BadNodeIdUnknown',
  });
});

test('polling: a restart of the server is a gap that ends by itself', async () => {
  const first = await serve({ Speed: [DataType.Double, 1] });
  const driver = run(opcua, device({ endpoint: first.endpoint, mode: 'poll' }), [tag('Speed')], context);
  await vi.waitFor(() => expect(context.last(1)?.value).toBe(1), wait);
  await first.stop();
  await vi.waitFor(() => expect(driver.status().state).toBe('down'), wait);
  expect(context.last(1)?.quality).toBe(Quality.BadNoCommunication);
  await serve({ Speed: [DataType.Double, 2] }, { port: first.port });
  await vi.waitFor(() => expect(context.last(1)?.value).toBe(2), wait);
});
