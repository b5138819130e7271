import { DataType, StatusCodes } from 'node-opcua-client';
import { expect, test, vi } from 'vitest';
import { opcua } from '../../../../gateway/drivers/opcua/opcua.ts';
import { type OpcUaTestServer, TEST_NAMESPACE } from '../../../services/opcua-test-server.ts';
import { Collector, run } from '../collect.ts';
import { device, intercept, serve, wait } from './settings.ts';

/** A machine whose node ids are other ones at each start, as after a download of the program. */
async function machine(speed: number, options: Parameters<typeof serve>[1] = {}): Promise<OpcUaTestServer> {
  const server = await serve({}, options);
  const { namespace, space } = server;
  const parent = namespace.addObject({ organizedBy: space.rootFolder.objects, browseName: 'Machine' });
  const value = { dataType: DataType.Double, value: speed };
  for (const [i, browseName] of ['Speed', 'In/Out'].entries()) {
    const nodeId = `i=${speed * 100 + i}`;
    namespace.addVariable({ componentOf: parent, browseName, nodeId, dataType: DataType.Double, value });
  }
  return server;
}

test('browse paths hold over a restart that changes node ids and the indexes of namespaces', async () => {
  const context = new Collector();
  const first = await machine(1);
  const driver = run(
    opcua,
    device({ endpoint: first.endpoint, namespaces: { m: TEST_NAMESPACE }, refusedRetryMs: 1000 }),
    [
      { browsePath: '/Objects/m:Machine/m:Speed', type: 'float64' },
      { browsePath: `/Objects/nsu=${TEST_NAMESPACE};Machine/m:In&/Out`, type: 'float64' },
      { browsePath: '/Objects/m:Machine/m:Later', type: 'float64' },
      { browsePath: '/Objects/nsu=urn:nobody;Machine', type: 'float64' },
    ],
    context,
  );
  await vi.waitFor(() => expect(context.last(2)?.value).toBe(1), wait);
  expect(context.last(1)?.value).toBe(1);
  expect(context.last(3)).toMatchObject({ value: null, quality: StatusCodes.BadNoMatch.value });
  await vi.waitFor(() => expect(driver.status().state).toBe('up'), wait);
  expect(driver.status().reason).toBe('2 of 4 tags; 2 refused: 1 BadNoMatch, 1 unknown namespace');
  expect(context.logLines.join('\n')).toContain(
    '(/Objects/m:Machine/m:Later): the server has no such path (BadNoMatch)',
  );

  await first.stop();
  const second = await machine(2, { port: first.port, namespacesBefore: ['urn:moved:in', 'urn:and:another'] });
  await vi.waitFor(() => expect(context.last(1)?.value).toBe(2), wait);
  expect(context.last(2)?.value).toBe(2);

  const { namespace, space } = second;
  namespace.addVariable({
    componentOf: space.rootFolder.objects.getFolderElementByName('Machine')!,
    browseName: 'Later',
    dataType: DataType.Double,
    value: { dataType: DataType.Double, value: 9 },
  });
  await vi.waitFor(() => expect(context.last(3)?.value).toBe(9), wait);
  await vi.waitFor(() => expect(driver.status().reason).toBe('3 of 4 tags; 1 refused: 1 unknown namespace'), wait);
});

test('many browse paths are looked up in requests of the size that the server takes', async () => {
  const context = new Collector();
  const names = Array.from({ length: 450 }, (_, i) => `T${i}`);
  const server = await serve(Object.fromEntries(names.map((name, i) => [name, [DataType.Double, i]])), {
    capabilities: { operationLimits: { maxNodesPerTranslateBrowsePathsToNodeIds: 200 } },
  });
  const asked: number[] = [];
  intercept<{ browsePaths: unknown[] }>(server, 'TranslateBrowsePathsToNodeIds', ({ browsePaths }) => {
    asked.push(browsePaths.length);
    return undefined;
  });
  const tags = names.map((name) => ({ browsePath: `/Objects/m:${name}`, type: 'float64' }) as const);
  run(opcua, device({ endpoint: server.endpoint, namespaces: { m: TEST_NAMESPACE } }), tags, context);
  await vi.waitFor(() => expect(context.last(450)?.value).toBe(449), wait);
  expect(context.last(1)?.value).toBe(0);
  expect(asked).toEqual([200, 200, 50]);
});
