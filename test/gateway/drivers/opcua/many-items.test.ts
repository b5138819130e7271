import { coerceNodeId, DataType, StatusCodes } from 'node-opcua-client';
import { expect, test, vi } from 'vitest';
import { opcua } from '../../../../gateway/drivers/opcua/opcua.ts';
import { Collector, run } from '../collect.ts';
import { device, intercept, serve, tag, wait } from './settings.ts';

function variables(count: number): Record<string, [DataType, unknown]> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`T${i}`, [DataType.Double, i]]));
}

/** Sizes of the requests for monitored items, without the one for the server's clock. */
function sizes(server: Parameters<typeof intercept>[0], most = Number.POSITIVE_INFINITY): number[] {
  const asked: number[] = [];
  intercept<{ itemsToCreate: { itemToMonitor: { nodeId: object } }[] }>(
    server,
    'CreateMonitoredItems',
    ({ itemsToCreate }) => {
      if (/i=2258\b/.test(`${itemsToCreate[0]!.itemToMonitor.nodeId}`)) return undefined;
      asked.push(itemsToCreate.length);
      return itemsToCreate.length > most ? StatusCodes.BadTooManyOperations : undefined;
    },
  );
  return asked;
}

test('5,000 items, of which 1 % are bad: created in requests that the server takes, and all accounted for', async () => {
  const context = new Collector();
  const server = await serve(variables(4950), {
    capabilities: { operationLimits: { maxMonitoredItemsPerCall: 700, maxNodesPerRead: 600 } },
  });
  const asked = sizes(server);
  const tags = Array.from({ length: 5000 }, (_, i) => tag(`T${i}`));
  const began = performance.now();
  const driver = run(
    opcua,
    device({ endpoint: server.endpoint, samplingMs: 1000, publishingMs: 200 }),
    tags,
    context,
  );
  await vi.waitFor(() => expect(driver.status().state).toBe('up'), wait);
  const createdMs = performance.now() - began;
  await vi.waitFor(() => expect(context.last(4950)?.value).toBe(4949), wait);
  expect(asked).toEqual([...Array.from({ length: 7 }, () => 700), 100]);
  expect(driver.status().reason).toBe('4,950 of 5,000 tags; 50 refused: 50 BadNodeIdUnknown');
  const bad = context.frames.flatMap(({ tags: ids, quality }) => ids.filter((_, i) => quality[i] !== 0));
  expect(bad).toEqual(Array.from({ length: 50 }, (_, i) => 4951 + i));
  // Each is named in the line that counts them; only some have a line of their own.
  const lines = context.logLines.map((line) => JSON.parse(line));
  const account = lines.find(({ msg }) => msg.includes('4,950 of 5,000 tags'));
  expect(account.refused).toHaveLength(50);
  expect(account.refused[49]).toEqual({ tag: 'tag5000', node: tags[4999]!.nodeId, status: 'BadNodeIdUnknown' });
  expect(lines.filter(({ level }) => level === 40)).toHaveLength(21);
  expect(createdMs).toBeLessThan(10_000);
}, 60_000);

test('a server that does not tell its limits: the size is found by halving', async () => {
  const context = new Collector();
  const server = await serve(variables(1200));
  server.space.deleteNode(coerceNodeId('i=11704')); // OperationLimits
  const asked = sizes(server, 300);
  const tags = Array.from({ length: 1200 }, (_, i) => tag(`T${i}`));
  const driver = run(opcua, device({ endpoint: server.endpoint, samplingMs: 1000 }), tags, context);
  await vi.waitFor(() => expect(context.last(1200)?.value).toBe(1199), wait);
  expect(asked).toEqual([1000, 500, 250, 250, 250, 250, 200]);
  // Values come while the last items are still being made.
  await vi.waitFor(() => expect(driver.status()).toMatchObject({ state: 'up', reason: '' }), wait);
});

test('a profile or a setting bounds the requests, too', async () => {
  const context = new Collector();
  const server = await serve(variables(250));
  const asked = sizes(server);
  const tags = Array.from({ length: 250 }, (_, i) => tag(`T${i}`));
  const small = { profile: 's7-1200', samplingMs: 100, publishingMs: 200 } as const;
  run(opcua, device({ endpoint: server.endpoint, ...small }), tags, context);
  await vi.waitFor(() => expect(context.last(250)?.value).toBe(249), wait);
  expect(asked).toEqual([100, 100, 50]);
});

test('a server that is full gives what it has room for, and the rest is named', async () => {
  const context = new Collector();
  const server = await serve(variables(100));
  let created = 0;
  let asked = 0;
  intercept<{ itemsToCreate: unknown[] }>(server, 'CreateMonitoredItems', ({ itemsToCreate }) => {
    asked++;
    if (created + itemsToCreate.length > 60) return StatusCodes.BadTooManyMonitoredItems;
    created += itemsToCreate.length;
    return undefined;
  });
  const tags = Array.from({ length: 100 }, (_, i) => tag(`T${i}`));
  const driver = run(opcua, device({ endpoint: server.endpoint }), tags, context);
  await vi.waitFor(() => expect(context.last(60)?.value).toBe(59), wait);
  await vi.waitFor(() => expect(driver.status().reason).toContain('60 of 100 tags; 40 refused'), wait);
  expect(driver.status().state).toBe('up');
  expect(context.last(61)?.quality).toBe(StatusCodes.BadTooManyMonitoredItems.value);
  expect(asked).toBeLessThan(20);
});
