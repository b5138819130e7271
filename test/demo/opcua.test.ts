import { join } from 'node:path';
import { OPCUACertificateManager } from 'node-opcua-certificate-manager';
import {
  AttributeIds,
  ClientMonitoredItemGroup,
  type ClientSession,
  ClientSubscription,
  type DataValue,
  installAlarmMonitoring,
  OPCUAClient,
  StatusCodes,
  TimestampsToReturn,
} from 'node-opcua-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PACKAGING_NAMESPACE, packerNodes } from '../../demo/machines/packer-nodes.ts';
import { packml } from '../../demo/machines/packml.ts';
import { startPlant, type TestPlant, type TruthRecord } from './plant-fixture.ts';

let plant: TestPlant;
let client: OPCUAClient;
let session: ClientSession;
let namespace: number;
/** What the subscription brought, by node. */
const received = new Map<string, DataValue[]>();

beforeAll(async () => {
  plant = await startPlant({ speed: 10 });
  client = OPCUAClient.create({
    clientCertificateManager: certificates(),
    endpointMustExist: false,
    keepSessionAlive: true,
    connectionStrategy: { initialDelay: 50, maxDelay: 200, maxRetry: -1 },
  });
  // It reconnects by itself over the cut; the test sees the outcome in the data.
  client.on('backoff', () => undefined);
  await client.connect(plant.floor.addresses().opcua.endpoint);
  session = await client.createSession();
  namespace = (await session.readNamespaceArray()).indexOf(PACKAGING_NAMESPACE);
  const subscription = ClientSubscription.create(session, {
    requestedPublishingInterval: 50,
    requestedLifetimeCount: 1000,
    requestedMaxKeepAliveCount: 20,
    publishingEnabled: true,
  });
  const items = packerNodes.map(({ name }) => ({ nodeId: nodeId(name), attributeId: AttributeIds.Value }));
  const group = ClientMonitoredItemGroup.create(
    subscription,
    items,
    { samplingInterval: 0, queueSize: 500, discardOldest: true },
    TimestampsToReturn.Both,
  );
  group.on('changed', (_item, dataValue, index) => {
    const { name } = packerNodes[index]!;
    received.set(name, [...(received.get(name) ?? []), dataValue]);
  });
}, 20_000);
afterAll(async () => {
  await session?.close();
  await client?.disconnect();
  await plant?.stop();
});

/** The test's own folder: node-opcua would otherwise take one in the home directory. */
function certificates(): OPCUACertificateManager {
  return new OPCUACertificateManager({ rootFolder: join(plant.dir, 'client-pki'), disableFileWatchers: true });
}

function nodeId(name: string): string {
  return `ns=${namespace};s=Packer.${name}`;
}

/** Source times in the truth file, from the first received on, that did not come. */
function missed(name: string): number[] {
  const got = new Set((received.get(name) ?? []).map((dataValue) => dataValue.sourceTimestamp!.getTime()));
  const first = Math.min(...got);
  // The newest may be on its way.
  const settled = Date.now() - 300;
  return truthOf(name)
    .map((line) => line.t)
    .filter((time) => time >= first && time < settled && !got.has(time));
}

async function read(name: string): Promise<DataValue> {
  return session.read({ nodeId: nodeId(name), attributeId: AttributeIds.Value });
}

function truthOf(name: string): TruthRecord[] {
  return plant.truth().filter((line) => line.m === 'packer' && line.n === name);
}

function asTruth(name: string, { sourceTimestamp, value, statusCode }: DataValue): TruthRecord {
  return { m: 'packer', n: name, t: sourceTimestamp!.getTime(), v: value.value ?? null, q: statusCode.value };
}

describe('OPC UA at the wire', () => {
  it('serves every node of the list, with good values', async () => {
    expect(namespace).toBeGreaterThan(0);
    for (const { name } of packerNodes) expect((await read(name)).statusCode, name).toBe(StatusCodes.Good);
    await expect.poll(() => plant.floor.packer.state, { timeout: 5000 }).toBe(packml.execute);
  });

  it('pushes every change: what a subscriber got is the truth file, value for value', async () => {
    await expect.poll(() => received.get('ProdProcessedCount')?.length ?? 0, { timeout: 8000 }).toBeGreaterThan(20);
    await expect.poll(() => received.get('SealTemperature')?.length ?? 0, { timeout: 8000 }).toBeGreaterThan(3);
    for (const { name } of packerNodes) {
      const got = (received.get(name) ?? []).map((dataValue) => asTruth(name, dataValue));
      const truth = truthOf(name);
      const from = truth.findIndex((line) => line.t === got[0]?.t);
      expect(from, name).toBeGreaterThanOrEqual(0);
      expect(got, name).toEqual(truth.slice(from, from + got.length));
    }
  });

  it('gives each node strictly increasing source times', () => {
    for (const { name } of packerNodes) {
      const times = truthOf(name).map((line) => line.t);
      expect(
        times.every((time, index) => index === 0 || time > times[index - 1]!),
        name,
      ).toBe(true);
    }
  });

  it('shows a broken sensor as BadSensorFailure without a value, and the next good one after it', async () => {
    await plant.floor.setFault('packer', 'sensorBreak', true);
    await expect
      .poll(async () => (await read('SealTemperature')).statusCode, { timeout: 3000 })
      .toBe(StatusCodes.BadSensorFailure);
    expect((await read('SealTemperature')).value.value ?? null).toBeNull();
    expect((await read('MotorTemperature')).statusCode).toBe(StatusCodes.Good);
    expect(truthOf('SealTemperature').at(-1)).toMatchObject({ v: null, q: StatusCodes.BadSensorFailure.value });
    await plant.floor.setFault('packer', 'sensorBreak', false);
    await expect
      .poll(async () => (await read('SealTemperature')).statusCode, { timeout: 3000 })
      .toBe(StatusCodes.Good);
    await expect
      .poll(() => received.get('SealTemperature')?.map((dataValue) => dataValue.statusCode), { timeout: 3000 })
      .toContain(StatusCodes.BadSensorFailure);
  });

  it('stops and overheats', async () => {
    await plant.floor.setFault('packer', 'overheat', true);
    await expect.poll(async () => (await read('AlarmWord')).value.value & 2, { timeout: 8000 }).toBe(2);
    await expect
      .poll(async () => (await read('SealTemperature')).value.value, { timeout: 3000 })
      .toBeGreaterThan(185);
    await plant.floor.setFault('packer', 'overheat', false);
    const alarms = await installAlarmMonitoring(session);
    const guard = () => alarms.alarms().find(({ fields }) => fields.conditionName?.value === 'GuardOpen');
    await plant.floor.setFault('packer', 'stop', true);
    await expect.poll(async () => (await read('StateCurrent')).value.value, { timeout: 5000 }).toBe(packml.stopped);
    await expect.poll(() => guard()?.fields.activeState.id.value, { timeout: 5000 }).toBe(true);
    await plant.floor.setFault('packer', 'stop', false);
    await expect.poll(() => guard()?.fields.activeState.id.value, { timeout: 5000 }).toBe(false);
    await expect.poll(async () => (await read('StateCurrent')).value.value, { timeout: 5000 }).toBe(packml.execute);
  });

  it('cuts the network and comes back on the same port to the same session', async () => {
    const { endpoint } = plant.floor.addresses().opcua;
    await plant.floor.setFault('packer', 'networkCut', true);
    const stranger = OPCUAClient.create({
      clientCertificateManager: certificates(),
      endpointMustExist: false,
      connectionStrategy: { maxRetry: 0 },
    });
    await expect(stranger.connect(endpoint)).rejects.toThrow();
    await stranger.disconnect();
    const before = received.get('SealTemperature')?.length ?? 0;
    await plant.floor.setFault('packer', 'networkCut', false);
    expect(plant.floor.addresses().opcua.endpoint).toBe(endpoint);
    await expect
      .poll(() => received.get('SealTemperature')?.length ?? 0, { timeout: 15_000 })
      .toBeGreaterThan(before);
    // The subscription lived on inside, and its queue brings what happened meanwhile.
    await expect.poll(() => missed('ProdProcessedCount'), { timeout: 5000 }).toEqual([]);
  }, 20_000);
});
