import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DataType } from 'node-opcua-client';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { loadConfig } from '../../../../gateway/config/load-config.ts';
import { type BrowseRequest, browseServer } from '../../../../gateway/drivers/opcua/browse-server.ts';
import { tagNames } from '../../../../gateway/drivers/opcua/device-yaml.ts';
import { glob } from '../../../../gateway/drivers/opcua/glob.ts';
import { type OpcUaTestServer, TEST_NAMESPACE, type TestServerOptions } from '../../../services/opcua-test-server.ts';
import { device, intercept, serve } from './settings.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lineside-browse-test-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
});

type Node = { addReference(reference: object): void };
type Add = Record<'addObject' | 'addVariable' | 'addAnalogDataItem', (options: object) => Node>;

/** Two motors with the same names, an array, a structure, what may not be read, and a circle. */
async function machine(options: TestServerOptions = {}): Promise<OpcUaTestServer> {
  const server = await serve({}, options);
  const add = server.namespace as unknown as Add;
  const line = add.addObject({
    organizedBy: server.space.rootFolder.objects,
    browseName: 'Line 1',
    nodeId: 's=Line',
  });
  const double = { dataType: 'Double', value: { dataType: DataType.Double, value: 1 } };
  for (const motor of ['Motor1', 'Motor2']) {
    const parent = add.addObject({ componentOf: line, browseName: motor, nodeId: `s=${motor}` });
    add.addAnalogDataItem({
      componentOf: parent,
      browseName: 'Temperatur (°C)',
      description: 'Wicklung',
      nodeId: `s=${motor};T`,
      engineeringUnitsRange: { low: 0, high: 200 },
      engineeringUnits: {
        displayName: '°C',
        unitId: 4408652,
        namespaceUri: 'http://www.opcfoundation.org/UA/units/un/cefact',
      },
      ...double,
    });
    const state = { dataType: DataType.Int32, value: 0 };
    const counter = add.addVariable({
      componentOf: parent,
      browseName: 'Count',
      nodeId: `s=${motor}.Count`,
      dataType: 'UInt64',
    });
    add.addVariable({
      componentOf: counter,
      browseName: 'Rejected',
      nodeId: `s=${motor}.Count.Rejected`,
      dataType: 'UInt32',
    });
    add.addVariable({
      componentOf: parent,
      browseName: 'State',
      nodeId: `s=${motor}.State`,
      dataType: 'ServerState',
      value: state,
    });
  }
  const more = add.addObject({ componentOf: line, browseName: 'Diagnostics', nodeId: 's=Diag' });
  add.addVariable({
    componentOf: more,
    browseName: 'Trace',
    nodeId: 's=Diag.Trace',
    valueRank: 1,
    arrayDimensions: [3],
    dataType: 'Double',
  });
  add.addVariable({ componentOf: more, browseName: 'Build', nodeId: 's=Diag.Build', dataType: 'BuildInfo' });
  add.addVariable({
    componentOf: more,
    browseName: 'Secret',
    nodeId: 's=Diag.Secret',
    userAccessLevel: 0,
    ...double,
  });
  more.addReference({ referenceType: 'Organizes', nodeId: line });
  return server;
}

function look(server: OpcUaTestServer, request: Partial<BrowseRequest> = {}) {
  const whole = { id: 'line', include: [], exclude: [], maxTags: 1000, maxDepth: 20, progress: () => {} };
  const context = { dataDir: dir, now: Date.now, resolvePath: (path: string) => path, warn: () => {} };
  const settings = device({ endpoint: server.endpoint, namespaces: { m: TEST_NAMESPACE } });
  return browseServer(settings, context, { ...whole, ...request });
}

/** The tags of the YAML, read as the gateway would. */
function tagsOf(yaml: string) {
  const file = join(dir, 'gateway.yaml');
  writeFileSync(file, `gateway: { id: gw }\nhub: { url: mqtt://localhost, passwordFile: none }\n${yaml}`);
  const [found] = loadConfig(file).devices;
  return found!.tags.map(({ name, type, unit, description, settings }) => ({
    name,
    type,
    unit,
    description,
    nodeId: (settings as { nodeId: string }).nodeId,
  }));
}

test('what it prints is a device that the gateway takes, with names of their own, types, units and descriptions', async () => {
  const server = await machine();
  const report = await look(server);
  const node = (name: string) => `nsu=${TEST_NAMESPACE};s=${name}`;
  const motor = (name: string) => [
    { name: `${name}.Temperatur_C`, type: 'float64', unit: '°C', description: 'Wicklung', nodeId: node(`${name};T`) },
    { name: `${name}.Count`, type: 'integer', unit: '', description: '', nodeId: node(`${name}.Count`) },
    { name: `${name}.State`, type: 'integer', unit: '', description: '', nodeId: node(`${name}.State`) },
    {
      name: `${name === 'Motor1' ? 'Motor1' : 'Motor2'}.Count.Rejected`,
      type: 'integer',
      unit: '',
      description: '',
      nodeId: node(`${name}.Count.Rejected`),
    },
  ];
  const tags = tagsOf(report.yaml);
  const byName = (one: { name: string }, other: { name: string }) => (one.name < other.name ? -1 : 1);
  expect(tags.sort(byName)).toEqual([...motor('Motor1'), ...motor('Motor2')].sort(byName));
  expect(report).toMatchObject({ tags: 8, unwanted: 0, cut: false });
  expect(Object.fromEntries(report.leftOut)).toEqual({ 'an array': 1, 'data type BuildInfo': 1, 'not readable': 1 });
});

test('root, include, exclude, depth and number narrow it', async () => {
  const server = await machine();
  const names = async (request: Partial<BrowseRequest>) =>
    tagsOf((await look(server, request)).yaml)
      .map(({ name }) => name)
      .sort();
  expect(await names({ root: `nsu=${TEST_NAMESPACE};s=Motor2` })).toEqual([
    'Count',
    'Rejected',
    'State',
    'Temperatur_C',
  ]);
  expect(await names({ root: '/Objects/m:Line 1/m:Motor1', include: ['Count/**'] })).toEqual(['Count', 'Rejected']);
  expect(await names({ include: ['Line 1/*/State'] })).toEqual(['Motor1.State', 'Motor2.State']);
  expect(await names({ include: ['Count', 'Temp*'], exclude: ['Motor2'] })).toEqual(['Count', 'Temperatur_C']);
  expect(await names({ root: '/Objects/m:Line 1', maxDepth: 2, exclude: ['Motor1', 'Diagnostics'] })).toEqual([
    'Count',
    'State',
    'Temperatur_C',
  ]);
  expect(await look(server, { maxTags: 3 })).toMatchObject({ tags: 3, cut: true });
  await expect(look(server, { root: '/Objects/m:Nothing' })).rejects.toThrow(
    '--root /Objects/m:Nothing: the server has no such path',
  );
  await expect(look(server, { root: 'Motor1' })).rejects.toThrow('--root: "Motor1" is not a node id');
});

test('a server with small limits and few continuation points shows all the same', async () => {
  const server = await machine({
    capabilities: { maxBrowseContinuationPoints: 1, operationLimits: { maxNodesPerBrowse: 3, maxNodesPerRead: 5 } },
  });
  intercept<{ requestedMaxReferencesPerNode: number }>(server, 'Browse', (request) => {
    request.requestedMaxReferencesPerNode = 1;
    return undefined;
  });
  const report = await look(server);
  expect(report).toMatchObject({ tags: 8, closed: new Map() });
});

test('the command prints YAML and nothing else on its standard output', async () => {
  const server = await machine();
  const run = promisify(execFile);
  const args = ['gateway/main.ts', 'browse', 'opcua', '--endpoint', server.endpoint, '--include', 'State,Count'];
  const { stdout, stderr } = await run(process.execPath, args);
  expect(tagsOf(stdout).map(({ name }) => name)).toHaveLength(4);
  expect(stdout).toMatch(/^devices:\n {2}- id: 127-0-0-1\n {4}driver: opcua\n {4}endpoint: "opc\.tcp:/);
  expect(stderr).toContain('4 tags from');
  expect(stderr).toContain('not wanted: 7');
  const wrong = await run(process.execPath, ['gateway/main.ts', 'browse', 'opcua', '--endpoint', 'plc1']).catch(
    (error) => error,
  );
  expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining('write opc.tcp://<host>:<port>') });
});

describe('parts', () => {
  test.each([
    ['*Speed', 'A/B/MaxSpeed', true],
    ['Speed', 'A/B/MaxSpeed', false],
    ['A/*', 'A/B', true],
    ['A/*', 'A/B/C', false],
    ['A/**', 'A/B/C', true],
    ['**/C', 'C', true],
    ['A/**/C', 'A/C', true],
    ['A/?/C', 'A/BB/C', false],
    ['A.B', 'AxB', false],
  ])('glob %s on %s: %s', (pattern, path, expected) => {
    expect(glob(pattern)(path.split('/'))).toBe(expected);
  });

  test('names are made unique by what lies above them, and in the end by number', () => {
    expect(
      tagNames([
        ['A', 'X'],
        ['B', 'X'],
        ['B', 'Y'],
      ]),
    ).toEqual(['A.X', 'B.X', 'Y']);
    expect(
      tagNames([
        ['Ä', 'Größe'],
        ['%', '_'],
      ]),
    ).toEqual(['Grosse', 'x']);
    expect(
      tagNames([
        ['A', 'X!'],
        ['A', 'X?'],
      ]),
    ).toEqual(['A.X', 'A.X_2']);
    const long = tagNames([['x'.repeat(300)], ['x'.repeat(301)]]);
    expect(new Set(long).size).toBe(2);
    for (const name of long) expect(name).toMatch(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/);
  });
});
