/** With pysparkplug: its host looks at our node and gives orders, and our codec reads its node and orders it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataType } from '@lineside/shared/wire/sparkplug/payload.ts';
import { sparkplugValue } from '@lineside/shared/wire/sparkplug/value.ts';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { hasMosquitto, Mosquitto } from '../../services/mosquitto.ts';
import { PysparkplugPeer } from '../../services/pysparkplug.ts';
import { pythonOf } from '../../services/python-peers.ts';
import { tempDir } from '../../services/temp-dir.ts';
import { GROUP, HOST, NODE, NodeRig, PATIENT } from './node-rig.ts';
import { SparkplugHost } from './sparkplug-host.ts';

describe.skipIf(!hasMosquitto || !pythonOf('pysparkplug'))('Sparkplug with pysparkplug at Mosquitto', () => {
  let folder: string;
  let broker: Mosquitto;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'lineside-pysparkplug-'));
    broker = await Mosquitto.start(folder);
  });

  afterAll(async () => {
    await broker?.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  const start = async (role: 'host' | 'node') => {
    const peer = await PysparkplugPeer.start(role, broker.port, GROUP, NODE);
    onTestFinished(() => peer.stop());
    return peer;
  };

  it('its host understands our births, data, history and deaths, and we carry out its orders', async () => {
    const peer = await start('host');
    const rig = await NodeRig.make(await tempDir(), broker.url, { primaryHost: HOST });
    rig.frame('press', { temperature: 1, state: 'Idle', parts: -5 }, { at: Date.now() - 60_000 });
    rig.frame('pump', { running: true, pressure: 0.5 }, { at: Date.now() - 60_000 });
    await rig.buffer.flush();
    rig.node.start();
    peer.order({ host: HOST, state: true, timestamp: Date.now() });
    await rig.online();
    const of = (type: string, device: string | null = null) =>
      peer.heard.filter((message) => message.type === type && message.device === device);
    await vi.waitFor(() => expect(of('DDATA', 'pump')).toHaveLength(1), PATIENT);
    expect(of('NBIRTH')[0]!.metrics.map(({ name, type, value }) => [name, type, value])).toEqual([
      ['bdSeq', 'INT64', 0],
      ['Node Control/Rebirth', 'BOOLEAN', false],
      ['Gateway/Version', 'STRING', '0.1.0'],
      ['Gateway/Samples waiting', 'INT64', 0],
    ]);
    const values = [
      ['temperature', 'DOUBLE', 1, false],
      ['state', 'STRING', 'Idle', false],
      ['parts', 'INT64', -5, false],
    ];
    const seen = (type: string) =>
      of(type, 'press')[0]!.metrics.map(({ name, type, value, historical }) => [name, type, value, historical]);
    expect(seen('DBIRTH')).toEqual(values);
    expect(seen('DDATA')).toEqual(values.map((line) => line.with(3, true)));

    peer.order({ device: 'press', name: 'temperature', type: 'DOUBLE', value: 42.5 });
    peer.order({ device: 'press', name: 'parts', type: 'INT64', value: -9 });
    peer.order({ device: 'press', name: 'state', type: 'STRING', value: 'Hold' });
    peer.order({ device: 'pump', name: 'running', type: 'BOOLEAN', value: false });
    await vi.waitFor(() => expect(rig.writes.map(({ value }) => value)).toEqual([42.5, -9, 'Hold', false]), PATIENT);
    rig.frame('press', { temperature: null }, { quality: 0x8000_0000 });
    await vi.waitFor(() => expect(of('DDATA', 'press').at(-1)!.metrics).toMatchObject([{ null: true }]), PATIENT);
    peer.order({ name: 'Node Control/Rebirth', type: 'BOOLEAN', value: true });
    await vi.waitFor(() => expect(of('DBIRTH', 'pump')).toHaveLength(2), PATIENT);
    expect(of('NBIRTH')[1]!.metrics[0]!.value).toBe(0);
    rig.turn('press', 'down');
    await vi.waitFor(() => expect(of('DDEATH', 'press')).toHaveLength(1), PATIENT);
    peer.order({ host: HOST, state: false, timestamp: Date.now() });
    await vi.waitFor(() => expect(of('NDEATH')[0]?.metrics).toMatchObject([{ name: 'bdSeq', value: 0 }]), PATIENT);
    expect(peer.heard.flatMap(({ metrics }) => metrics).every(({ timed }) => timed)).toBe(true);
    expect(peer.errors).toBe('');
  });

  it('we understand every type of its node, and it takes our orders', async () => {
    const host = await SparkplugHost.connect(broker.url, GROUP, NODE);
    onTestFinished(() => host.close());
    const peer = await start('node');
    await vi.waitFor(() => expect(host.of('DBIRTH', 'press')).toHaveLength(1), PATIENT);
    const read = (type: string) => host.of(type, 'press')[0]!.payload.metrics.map((metric) => sparkplugValue(metric));
    const values = [
      ...[-128, -2, -(2 ** 31), -(2n ** 53n) - 1n, 255, 65_535, 2 ** 32 - 1, 2n ** 64n - 1n, 1.5, 1e300, true],
      ...['Störung', '', '6b7c9d8e-0000-4000-8000-1234567890ab', 1_795_337_589_000],
      ...[Buffer.from([0, 255]), Buffer.from([1, 0, 255, 255]), null],
    ];
    expect(read('DBIRTH')).toEqual(values);
    peer.order({ update: true });
    await vi.waitFor(() => expect(host.of('DDATA', 'press')).toHaveLength(1), PATIENT);
    expect(read('DDATA')).toEqual(values);

    await host.rebirth();
    const name = 'INT32/2';
    await host.deviceCommand('press', { name, datatype: DataType.Int32, value: { kind: 'int', value: 2 ** 32 - 7 } });
    await vi.waitFor(() => expect(peer.heard).toHaveLength(2), PATIENT);
    expect(peer.heard).toMatchObject([
      { type: 'NCMD', metrics: [{ name: 'Node Control/Rebirth', value: true }] },
      { type: 'DCMD', device: 'press', metrics: [{ name, value: -7 }] },
    ]);
    expect(peer.errors).toBe('');
  });
});
