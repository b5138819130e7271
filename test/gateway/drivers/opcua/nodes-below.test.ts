/** A server that somebody looks around in, level by level, over the session that the driver collects by. */
import {
  AccessLevelFlag,
  type BrowseRequest,
  DataType,
  StatusCodes,
  Variant,
  VariantArrayType,
} from 'node-opcua-client';
import { expect, test, vi } from 'vitest';
import type { Driver } from '../../../../gateway/drivers/driver.ts';
import { opcua } from '../../../../gateway/drivers/opcua/opcua.ts';
import { TEST_NAMESPACE } from '../../../services/opcua-test-server.ts';
import { Collector, run } from '../collect.ts';
import { device, intercept, serve, tag, wait } from './settings.ts';

async function up(endpoint: string): Promise<Driver> {
  const driver = run(opcua, device({ endpoint }), [tag('speed')], new Collector());
  await vi.waitFor(() => expect(driver.status().state).toBe('up'), wait);
  return driver;
}

test('each level comes with names, types, values and access, and an entry to paste for what can be a tag', async () => {
  const server = await serve({ speed: [DataType.Double, 118.5] });
  const { namespace, space } = server;
  const press = namespace.addObject({
    organizedBy: space.rootFolder.objects,
    browseName: 'Press',
    displayName: 'Press 4',
    nodeId: 's=Press',
    description: 'behind the gate',
  });
  const part = { componentOf: press, minimumSamplingInterval: 0 };
  const { addAnalogDataItem } = namespace as unknown as { addAnalogDataItem(options: object): unknown };
  addAnalogDataItem.call(namespace, {
    ...part,
    browseName: 'Temp_Öl',
    nodeId: 's=Press.Oil',
    dataType: 'Float',
    accessLevel: AccessLevelFlag.CurrentRead,
    userAccessLevel: AccessLevelFlag.CurrentRead,
    engineeringUnitsRange: { low: 0, high: 200 },
    engineeringUnits: {
      unitId: 4408652,
      displayName: '°C',
      description: 'degree Celsius',
      namespaceUri: 'urn:units',
    },
    value: { dataType: DataType.Float, value: 61.5 },
  });
  const recipe = namespace.addVariable({
    ...part,
    browseName: 'Recipe',
    nodeId: 's=Press.Recipe',
    dataType: 'Int64',
    valueRank: 1,
    value: new Variant({
      dataType: DataType.Int64,
      arrayType: VariantArrayType.Array,
      value: [
        [0, 7],
        [1, 0],
      ],
    }),
  });
  namespace.addVariable({
    componentOf: recipe,
    minimumSamplingInterval: 0,
    browseName: 'First',
    nodeId: 's=Press.Recipe.First',
    dataType: 'String',
    accessLevel: AccessLevelFlag.CurrentRead | AccessLevelFlag.CurrentWrite,
    value: new Variant({ dataType: DataType.String, value: 'A7' }),
  });
  const driver = await up(server.endpoint);

  const top = await driver.nodesBelow!(null);
  expect(top.nodes.find(({ name }) => name === 'speed')).toMatchObject({
    kind: 'variable',
    dataType: 'Double',
    value: '118.5',
    tag: `- { name: "speed", nodeId: "nsu=${TEST_NAMESPACE};s=speed" }`,
  });
  const found = top.nodes.find(({ name }) => name === 'Press 4')!;
  expect(found).toMatchObject({ kind: 'object', inside: true, nodeId: `nsu=${TEST_NAMESPACE};s=Press` });

  const inside = await driver.nodesBelow!(found.nodeId);
  expect(inside.left).toBe(0);
  expect(inside.nodes).toEqual([
    expect.objectContaining({
      ...{ name: 'Temp_Öl', inside: false, dataType: 'Float', unit: '°C', access: 'read', value: '61.5', quality: 0 },
      tag: `- { name: "Temp_Ol", nodeId: "nsu=${TEST_NAMESPACE};s=Press.Oil", type: float32, unit: "°C" }`,
    }),
    expect.objectContaining({
      name: 'Recipe',
      inside: true,
      dataType: 'Int64[]',
      value: '7, 4294967296',
      noTag: 'an array',
    }),
  ]);
  expect((await driver.nodesBelow!(inside.nodes[1]!.nodeId)).nodes).toMatchObject([
    { name: 'First', access: 'readWrite', dataType: 'String', value: 'A7', inside: false },
  ]);
  expect((await driver.nodesBelow!(`nsu=${TEST_NAMESPACE};s=Press.Oil`)).nodes).toEqual([]);
});

test('what the server does not have or open is said in words, and collecting goes on', async () => {
  const server = await serve({ speed: [DataType.Double, 1] });
  const driver = await up(server.endpoint);
  await expect(driver.nodesBelow!(`nsu=${TEST_NAMESPACE};s=Gone`)).rejects.toThrow(
    /device "packer": the server does not open .*Gone: BadNodeIdUnknown/,
  );
  await expect(driver.nodesBelow!('nonsense')).rejects.toThrow(/"nonsense" is not a node id/);
  await expect(driver.nodesBelow!('nsu=urn:other;s=a')).rejects.toThrow(/the server has no namespace urn:other/);
  intercept<BrowseRequest>(server, 'Browse', () => StatusCodes.BadUserAccessDenied);
  await expect(driver.nodesBelow!(null)).rejects.toThrow(/BadUserAccessDenied/);
  expect(driver.status().state).toBe('up');
});
