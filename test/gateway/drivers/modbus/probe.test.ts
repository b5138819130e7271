import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { loadConfig } from '../../../../gateway/config/load-config.ts';
import type { ModbusDevice } from '../../../../gateway/drivers/modbus/config.ts';
import { type ProbeRequest, probeModbus } from '../../../../gateway/drivers/modbus/probe.ts';
import { probeTable, probeYaml } from '../../../../gateway/drivers/modbus/probe-report.ts';
import type { FakeModbusServer, ModbusRequest } from '../../../services/fake-modbus-server.ts';
import { hasSocat, wire } from '../../../services/pty-pair.ts';
import { serve } from './rig.ts';
import { device } from './settings.ts';

/** Holding 10 to 109 without 40 and 41, at most 30 in one read; unit 3 alone. */
async function quirkyDevice(): Promise<FakeModbusServer> {
  const server = await serve();
  server.behave = ({ unit, code, address, count }: ModbusRequest) => {
    if (unit !== 3) return unit === 0 ? 'silent' : { exception: 11 };
    if (code !== 3) return { exception: 1 };
    const end = address + count - 1;
    if (address < 10 || end > 109 || (address <= 41 && end >= 40)) return { exception: 2 };
    return count > 30 ? { exception: 3 } : 'right';
  };
  server.setFloat32(server.holding, 10, 225.5);
  server.setFloat32(server.holding, 12, -18.25);
  [server.holding[12], server.holding[13]] = [server.holding[13]!, server.holding[12]!];
  server.holding.set([1200, 0, 5, 80, 0], 14);
  return server;
}

function request(server: FakeModbusServer, more: Partial<ProbeRequest> = {}): ProbeRequest {
  return {
    connection: device({ port: server.port, timeoutMs: 150 }),
    unit: 3,
    tables: ['holding', 'coil'],
    from: 0,
    to: 119,
    bounds: { maxRequests: 1000, maxSeconds: 30, pauseMs: 0 },
    resolvePath: (path) => path,
    progress: () => {},
    ...more,
  };
}

test('what a device has, takes and refuses is found by reads alone, and its YAML is a sound configuration', async () => {
  const server = await quirkyDevice();
  const asked = request(server);
  const profile = await probeModbus(asked);
  expect(profile.units).toEqual(
    new Map([
      [3, 'exception 2'],
      [0, 'silence'],
      [255, 'exception 11'],
    ]),
  );
  const [holding, coil] = profile.tables;
  expect(holding).toMatchObject({ longest: 30, tooLong: 31, gapsRefused: [{ first: 40, last: 41 }] });
  expect(holding!.refused.get(2)).toEqual([
    { first: 0, last: 9 },
    { first: 40, last: 41 },
    { first: 110, last: 119 },
  ]);
  expect(coil!.runs).toEqual([]);
  expect(profile.latency).toHaveLength(30);
  expect(profile.ended).toBe('');
  expect(new Set(server.requests.map(({ code }) => code))).toEqual(new Set([1, 3]));
  expect(server.overlapping).toBe(0);
  expect(server.requests.length).toBe(profile.requests);

  const said = probeTable(profile, asked.connection).join('\n');
  expect(said).toContain('10-39, 42-109 can be read');
  expect(said).toMatch(/x holding:10 +float32 ABCD 225\.5/);
  expect(said).toMatch(/x holding:12 +float32 CDAB -18\.25/);
  expect(said).toMatch(/x holding:14 +uint32 CDAB 1200/);

  const folder = mkdtempSync(join(tmpdir(), 'lineside-probe-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'gateway.yaml');
  const head = 'gateway: { id: line-1 }\nhub: { url: "mqtt://127.0.0.1:1883", passwordFile: ./none }\n';
  writeFileSync(file, head + probeYaml(profile, asked.connection, new Date(0)));
  const [pasted] = loadConfig(file).devices;
  expect(pasted!.settings).toMatchObject({ unitId: 3, maxBlock: 30, maxGap: 0, forbidden: ['holding:40-41'] });
  expect((pasted!.settings as ModbusDevice).timeoutMs).toBeLessThanOrEqual(1000);
  expect(pasted!.tags.slice(0, 2).map(({ name }) => name)).toEqual(['holding10', 'holding12']);
});

test('a device that lets read across what it refuses alone tells its gap', async () => {
  const server = await quirkyDevice();
  const isHole = (address: number) => address === 3 || address === 4;
  server.behave = ({ address, count }) =>
    isHole(address) || isHole(address + count - 1) || address + count > 20 ? { exception: 2 } : 'right';
  const asked = request(server, { tables: ['holding'], from: 0, to: 25 });
  const profile = await probeModbus(asked);
  expect(profile.tables[0]).toMatchObject({
    runs: [
      { first: 0, last: 2 },
      { first: 5, last: 19 },
    ],
    gapsTolerated: [2],
    tooLong: null,
  });
  expect(probeYaml(profile, asked.connection, new Date(0))).toMatch(/maxGap: 2\n {4}tags:/);
});

test('no more is asked than was agreed, and what was found till then is told', async () => {
  const server = await quirkyDevice();
  const asked = request(server, { bounds: { maxRequests: 25, maxSeconds: 30, pauseMs: 0 } });
  const profile = await probeModbus(asked);
  expect(server.requestCount).toBe(25);
  expect(profile.ended).toBe('25 requests were sent');
  expect(probeTable(profile, asked.connection).join('\n')).toContain('ended before everything was tried');
});

test('an interruption ends it with the next request', async () => {
  const server = await quirkyDevice();
  const controller = new AbortController();
  const bounds = { maxRequests: 1000, maxSeconds: 30, pauseMs: 0, signal: controller.signal };
  server.beforeRead = () => controller.abort();
  const profile = await probeModbus(request(server, { bounds }));
  expect(profile.ended).toBe('interrupted');
  expect(profile.unit).toBe(3);
});

test('a unit that nobody has is told, and a device that is not there is an error', async () => {
  const server = await quirkyDevice();
  const asked = request(server, { unit: 9 });
  const profile = await probeModbus(asked);
  expect(profile.unit).toBeNull();
  expect(probeYaml(profile, asked.connection, new Date(0))).toBeNull();
  expect(probeTable(profile, asked.connection).join('\n')).toContain('no unit answers');
  await server.close();
  await expect(probeModbus(asked)).rejects.toThrow(/connection refused; is the device powered/);
});

test.skipIf(!hasSocat)('a serial line is probed in the same way (socat)', async () => {
  const server = await serve('rtu');
  server.behave = ({ address, count }) => (address + count > 12 ? { exception: 2 } : 'right');
  server.setFloat32(server.holding, 4, 61.5);
  const folder = mkdtempSync(join(tmpdir(), 'lineside-probe-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const wiring = await wire(folder, server.port);
  onTestFinished(() => wiring.close());
  const serial = { path: wiring.path, baudRate: 115_200, dataBits: 8, parity: 'none', stopBits: 1 } as const;
  const { host: _host, ...connection } = device({ transport: 'rtu', serial, timeoutMs: 500 });
  const asked = request(server, { connection, unit: 1, tables: ['holding'], from: 0, to: 15 });
  const profile = await probeModbus(asked);
  expect(profile.tables[0]!.runs).toEqual([{ first: 0, last: 11 }]);
  expect(profile.closed).toBe(0);
  const yaml = probeYaml(profile, asked.connection, new Date(0));
  expect(yaml).toContain('transport: rtu\n    serial: { path: ');
  expect(yaml).toContain('address: "holding:3", type: uint16 }');
  expect(yaml).toContain('address: "holding:4", type: float32 } # read 61.5000');
});
