import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { moulderRegisters } from '../../demo/machines/moulder-registers.ts';
import { packml } from '../../demo/machines/packml.ts';
import { pumpRegisters } from '../../demo/machines/pump-registers.ts';
import { type Register, registerWidth } from '../../demo/wire/register.ts';
import { startPlant, type TestPlant } from './plant-fixture.ts';

let plant: TestPlant;
beforeAll(async () => {
  plant = await startPlant({ speed: 20, recordingStart: 3000 });
});
afterAll(async () => {
  await plant?.stop();
});

/** Decoded by hand from the words, as the map says and not as the encoder does. */
function decode(register: Register, words: number[], first: number): number {
  const at = register.address - first;
  const [one, two] = [words[at]!, words[at + 1] ?? 0];
  const bits = register.order === 'CDAB' ? two * 65_536 + one : one * 65_536 + two;
  const view = new DataView(new ArrayBuffer(4));
  const scale = register.scale ?? 1;
  if (register.type === 'uint16') return one * scale;
  if (register.type === 'int16') return (one > 0x7fff ? one - 0x1_0000 : one) * scale;
  view.setUint32(0, bits);
  return register.type === 'float32' ? view.getFloat32(0) : bits;
}

const RANGES: Record<string, [number, number]> = {
  barrelTemperatureZone1: [220, 230],
  barrelTemperatureZone2: [227, 237],
  mouldTemperature: [38, 62],
  injectionPressure: [0, 900],
  clampForce: [0, 1200],
  cycleTime: [5.8, 6.5],
  shotCount: [1, 200],
  rejectCount: [0, 20],
  screwWear: [11.9, 13],
  machineTemperature: [20, 110],
  flow: [30, 50],
  dischargePressure: [3, 5.5],
  vibration: [1, 4],
  deliveredVolume: [1, 50_000],
  recordingRow: [3000, 4000],
};

function expectPlausible(registers: readonly Register[], words: number[], first: number): void {
  for (const register of registers) {
    const range = RANGES[register.name];
    if (!range) continue;
    const value = decode(register, words, first);
    expect(value, register.name).toBeGreaterThanOrEqual(range[0]);
    expect(value, register.name).toBeLessThanOrEqual(range[1]);
  }
}

describe('Modbus at the wire', () => {
  it('serves the moulder as its map says, with mixed word orders and scales', async () => {
    const client = await plant.client('moulder');
    await expect.poll(() => plant.floor.moulder.values().shotCount, { timeout: 5000 }).toBeGreaterThan(1);
    const { data } = await client.readHoldingRegisters(100, 17);
    expectPlausible(moulderRegisters, data, 100);
  });

  it('serves the pump as its map says, and the very value of the recording', async () => {
    const client = await plant.client('pump');
    await expect.poll(() => plant.floor.pump.state, { timeout: 5000 }).toBe(packml.execute);
    await expect.poll(() => plant.floor.pump.values().flow, { timeout: 5000 }).toBeGreaterThan(35);
    const { data } = await client.readInputRegisters(0, 16);
    expectPlausible(pumpRegisters, data, 0);
  });

  it('has a map without overlap', () => {
    for (const registers of [moulderRegisters, pumpRegisters]) {
      const used = registers.flatMap((one) => Array.from({ length: registerWidth(one) }, (_, i) => one.address + i));
      expect(new Set(used).size).toBe(used.length);
    }
  });

  it('mirrors the status word in the discrete inputs, and takes the coil', async () => {
    const client = await plant.client('moulder');
    await client.writeCoil(0, false);
    expect((await client.readCoils(0, 1)).data[0]).toBe(false);
    await expect.poll(() => plant.floor.moulder.state, { timeout: 5000 }).toBe(packml.idle);
    const { data } = await client.readDiscreteInputs(0, 5);
    expect(data.slice(0, 5)).toEqual([false, true, false, false, false]);
    await client.writeCoil(0, true);
    await expect.poll(() => plant.floor.moulder.state, { timeout: 5000 }).toBe(packml.execute);
  });

  it('lets the speed of the pump be set within what its drive takes, and the water follows', async () => {
    const client = await plant.client('pump');
    expect((await client.readHoldingRegisters(200, 1)).data).toEqual([1000]);
    await client.writeRegister(200, 800);
    expect((await client.readHoldingRegisters(200, 1)).data).toEqual([800]);
    await expect.poll(() => plant.floor.pump.state, { timeout: 5000 }).toBe(packml.execute);
    await expect.poll(() => plant.floor.pump.values().flow, { timeout: 5000 }).toBeLessThan(36);
    await expect.poll(() => plant.floor.pump.values().dischargePressure, { timeout: 5000 }).toBeLessThan(3.2);
    await client.writeRegisters(200, [1000]);
    await expect(client.writeRegister(200, 1201)).rejects.toMatchObject({ modbusCode: 3 });
    await expect(client.writeRegisters(200, [900, 900])).rejects.toMatchObject({ modbusCode: 2 });
    expect((await client.readHoldingRegisters(200, 1)).data).toEqual([1000]);
    await expect.poll(() => plant.floor.pump.values().dischargePressure, { timeout: 5000 }).toBeGreaterThan(3.7);
  });

  it('answers exception 2 outside of the map, for one register, many, bits and writes', async () => {
    const moulder = await plant.client('moulder');
    const pump = await plant.client('pump');
    const illegal = { modbusCode: 2 };
    await expect(moulder.readHoldingRegisters(99, 2)).rejects.toMatchObject(illegal);
    await expect(moulder.readHoldingRegisters(117, 1)).rejects.toMatchObject(illegal);
    await expect(moulder.readInputRegisters(0, 1)).rejects.toMatchObject(illegal);
    await expect(moulder.readDiscreteInputs(0, 6)).rejects.toMatchObject(illegal);
    await expect(moulder.writeCoil(1, true)).rejects.toMatchObject(illegal);
    await expect(moulder.writeRegister(100, 1)).rejects.toMatchObject(illegal);
    await expect(pump.readInputRegisters(15, 2)).rejects.toMatchObject(illegal);
    await expect(pump.readHoldingRegisters(0, 1)).rejects.toMatchObject(illegal);
    const refused = plant.truth().filter((line) => line.x === 2);
    expect(refused).toContainEqual(expect.objectContaining({ m: 'moulder', f: 3, a: 99, l: 2 }));
    expect(refused).toContainEqual(expect.objectContaining({ m: 'moulder', f: 2, a: 0, l: 6 }));
  });

  it('fails reads of the broken sensor alone with exception 4', async () => {
    const moulder = await plant.client('moulder');
    const pump = await plant.client('pump');
    await plant.floor.setFault('moulder', 'sensorBreak', true);
    await plant.floor.setFault('pump', 'sensorBreak', true);
    await expect(moulder.readHoldingRegisters(100, 17)).rejects.toMatchObject({ modbusCode: 4 });
    await expect(moulder.readHoldingRegisters(101, 1)).rejects.toMatchObject({ modbusCode: 4 });
    expect((await moulder.readHoldingRegisters(102, 15)).data).toHaveLength(15);
    await expect(pump.readInputRegisters(0, 2)).rejects.toMatchObject({ modbusCode: 4 });
    expect((await pump.readInputRegisters(2, 14)).data).toHaveLength(14);
    await plant.floor.setFault('moulder', 'sensorBreak', false);
    await plant.floor.setFault('pump', 'sensorBreak', false);
    expect((await moulder.readHoldingRegisters(100, 17)).data).toHaveLength(17);
  });

  it('cuts the network: sockets die, connections are refused, and the same port comes back', async () => {
    const { port } = plant.floor.addresses().moulder;
    const client = await plant.client('moulder');
    await plant.floor.setFault('moulder', 'networkCut', true);
    await expect.poll(() => client.isOpen, { timeout: 3000 }).toBe(false);
    await expect(plant.client('moulder')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    // Its neighbour does not notice.
    expect((await (await plant.client('pump')).readInputRegisters(8, 1)).data).toHaveLength(1);
    await plant.floor.setFault('moulder', 'networkCut', false);
    expect(plant.floor.addresses().moulder.port).toBe(port);
    const again = await plant.client('moulder');
    expect((await again.readHoldingRegisters(115, 1)).data).toHaveLength(1);
  });

  it('stays cut, and says so, when another program took the port meanwhile', async () => {
    const { port } = plant.floor.addresses().pump;
    await plant.floor.setFault('pump', 'networkCut', true);
    const holder = createServer().listen(port, '127.0.0.1');
    await once(holder, 'listening');
    await expect(plant.floor.setFault('pump', 'networkCut', false)).rejects.toThrow(`port ${port} is taken`);
    expect(plant.floor.pump.faults.has('networkCut')).toBe(true);
    holder.close();
    await once(holder, 'close');
    await plant.floor.setFault('pump', 'networkCut', false);
    expect((await (await plant.client('pump')).readInputRegisters(8, 1)).data).toHaveLength(1);
  });

  it('resets the counters once and goes on counting', async () => {
    await expect.poll(() => plant.floor.moulder.values().shotCount, { timeout: 5000 }).toBeGreaterThan(5);
    const before = plant.floor.moulder.values().shotCount!;
    await plant.floor.setFault('moulder', 'counterReset', true);
    expect(plant.floor.moulder.values().shotCount).toBeLessThan(before);
    expect(plant.floor.moulder.faults.has('counterReset')).toBe(false);
    await expect.poll(() => plant.floor.moulder.values().shotCount, { timeout: 5000 }).toBeGreaterThan(0);
  });

  it('writes to the truth file exactly what a client read', async () => {
    const moulder = await plant.client('moulder');
    const pump = await plant.client('pump');
    const start = plant.truth().length;
    const read: object[] = [];
    for (let round = 0; round < 20; round++) {
      read.push({ m: 'moulder', f: 3, a: 100, w: (await moulder.readHoldingRegisters(100, 17)).data });
      read.push({ m: 'pump', f: 4, a: 0, w: (await pump.readInputRegisters(0, 16)).data });
      const bits = (await moulder.readDiscreteInputs(0, 5)).data.slice(0, 5).map(Number);
      read.push({ m: 'moulder', f: 2, a: 0, b: bits });
    }
    const served = plant
      .truth()
      .slice(start)
      .filter((line) => line.m !== 'packer')
      .map(({ t: _time, ...line }) => line);
    expect(served).toEqual(read);
  });
});
