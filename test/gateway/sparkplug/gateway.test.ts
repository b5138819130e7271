/** The whole gateway as a Sparkplug node: from a Modbus register to the host, and back. */
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DataType } from '@lineside/shared/wire/sparkplug/payload.ts';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { loadConfig } from '../../../gateway/config/load-config.ts';
import { authority, signed } from '../../services/certificates.ts';
import { FakeModbusServer } from '../../services/fake-modbus-server.ts';
import { freePorts } from '../../services/free-ports.ts';
import { hasMosquitto, Mosquitto } from '../../services/mosquitto.ts';
import { tempDir } from '../../services/temp-dir.ts';
import { Gateway, PATIENT } from '../gateway-process.ts';
import { GROUP, HOST, NODE } from './node-rig.ts';
import { SparkplugHost } from './sparkplug-host.ts';

const mayWrite = 'writable: true, min: 0, max: 100';

const yaml = (port: number, broker: string, more: string, tags = '') => `gateway: { id: ${NODE} }
dataDir: ./data
hub: { url: "mqtt://127.0.0.1:1", passwordFile: password }
local: { port: 0 }
sparkplug: { url: "${broker}", group: ${GROUP}, publishIntervalMs: 50, history: { overlapMs: 0 }, ${more} }
devices:
  - id: press
    driver: modbus
    host: 127.0.0.1
    port: ${port}
    pollMs: 100
    tags:
      - { name: temperature, address: "holding:0", type: int16, scale: 0.5, unit: Cel }
      - { name: setpoint, address: "holding:1", type: uint16, ${mayWrite} }
      - { name: locked, address: "holding:2", type: uint16 }
${tags}`;

describe.skipIf(!hasMosquitto)('a gateway at Mosquitto', () => {
  it('is born, follows its machine, writes for a host, takes on another tag, and is outlived by its history', {
    timeout: 40_000,
  }, async () => {
    const dir = await tempDir();
    // Its certificate names it; the client's is asked for.
    const ca = authority(dir, 'plant-ca');
    const server = signed(dir, ca, 'localhost');
    signed(dir, ca, NODE);
    const [tlsPort] = await freePorts(1);
    const broker = await Mosquitto.start(dir, [
      `listener ${tlsPort} 127.0.0.1`,
      ...[`cafile ${ca.cert}`, `certfile ${server.cert}`, `keyfile ${server.key}`, 'require_certificate true'],
    ]);
    onTestFinished(() => broker.kill());
    const host = await SparkplugHost.connect(broker.url, GROUP, NODE);
    onTestFinished(() => host.close());
    const machine = await new FakeModbusServer().listen();
    onTestFinished(() => machine.close());
    machine.holding[0] = 43;
    const file = join(dir, 'gateway.yaml');
    await writeFile(join(dir, 'password'), 'secret\n');
    const tls = 'tls: { caFile: plant-ca.pem, certFile: line-1.pem, keyFile: line-1.key, serverName: localhost }';
    const more = `primaryHost: ${HOST}, ${tls}`;
    const url = `mqtts://127.0.0.1:${tlsPort}`;
    await writeFile(file, yaml(machine.port, url, more));
    const gateway = new Gateway(file);
    await gateway.said('connected for Sparkplug; waiting for the primary host');
    await gateway.shows(({ values }) => expect(values[0]!.value).toBe(21.5));
    expect(host.heard).toEqual([]);

    await host.state(HOST, true, Date.now());
    await vi.waitFor(() => expect(host.of('DBIRTH', 'press')).toHaveLength(1), PATIENT);
    const birth = () =>
      host
        .of('DBIRTH', 'press')
        .at(-1)!
        .payload.metrics.map((metric) => [metric.name, host.said(metric).value]);
    expect(birth()).toEqual([
      ['temperature', 21.5],
      ['setpoint', 0],
      ['locked', 0],
    ]);
    machine.holding[0] = 44;
    const live = (name: string) =>
      host
        .data('press')
        .filter((said) => said.name === name && !said.historical)
        .map(({ value }) => value);
    await vi.waitFor(() => expect(live('temperature')).toEqual([22]), PATIENT);

    const long = (value: number) => ({ datatype: DataType.Int64, value: { kind: 'long', value } }) as const;
    await host.deviceCommand('press', { name: 'setpoint', ...long(55) });
    await vi.waitFor(() => expect(live('setpoint')).toEqual([55]), PATIENT);
    await host.deviceCommand('press', { name: 'setpoint', ...long(101) }, { name: 'locked', ...long(1) });
    await vi.waitFor(() => expect(live('setpoint')).toEqual([55, 55]), PATIENT);
    await vi.waitFor(() => expect(live('locked')).toEqual([0]), PATIENT);
    expect([machine.holding[1], machine.holding[2]]).toEqual([55, 0]);

    await writeFile(
      file,
      yaml(machine.port, url, more, '      - { name: more, address: "holding:3", type: int16 }\n'),
    );
    gateway.child.kill('SIGHUP');
    await vi.waitFor(() => expect(birth().at(-1)).toEqual(['more', 0]), PATIENT);

    await host.state(HOST, false, Date.now());
    await gateway.said('Sparkplug node offline');
    machine.holding[0] = 50;
    await gateway.shows(({ values }) => expect(values[0]!.value).toBe(25));
    machine.holding[0] = 52;
    await gateway.shows(({ values }) => expect(values[0]!.value).toBe(26));
    await host.state(HOST, true, Date.now());
    const late = () => host.data('press').filter(({ name, historical }) => name === 'temperature' && historical);
    await vi.waitFor(
      () =>
        expect(
          late()
            .map(({ value }) => value)
            .slice(-2),
        ).toEqual([25, 26]),
      PATIENT,
    );
    expect(birth()[0]).toEqual(['temperature', 26]);
    expect(host.holes()).toEqual([]);

    gateway.child.kill('SIGKILL');
    await vi.waitFor(() => expect(host.bdSeqs()).toEqual(bdSeqs(host)), PATIENT);
    expect(host.bdSeqs().at(-1)).toBe('NDEATH 1');
  });
});

/** Each number dies after it was born, and the next is one more. */
function bdSeqs(host: SparkplugHost): string[] {
  const born = [...new Set(host.bdSeqs().map((line) => line.split(' ')[1]!))];
  const births = (number: string) => host.bdSeqs().filter((line) => line === `NBIRTH ${number}`);
  return born.flatMap((number) => [...births(number), `NDEATH ${number}`]);
}

it('the example in config/ is sound', () => {
  const { sparkplug, warnings } = loadConfig(
    resolve(import.meta.dirname, '../../../config/examples/sparkplug-gateway.yaml'),
  );
  expect(sparkplug).toMatchObject({ group: 'plant-north', history: { enabled: true } });
  expect(warnings).toEqual([]);
});
