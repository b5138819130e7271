/** The edge node at a real Mosquitto, looked at by a host. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataType, SparkplugQuality } from '@lineside/shared/wire/sparkplug/payload.ts';
import { sparkplugValue } from '@lineside/shared/wire/sparkplug/value.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { hasMosquitto, Mosquitto } from '../../services/mosquitto.ts';
import { tempDir } from '../../services/temp-dir.ts';
import { GROUP, HOST, NODE, NodeRig, PATIENT, tag } from './node-rig.ts';
import { SparkplugHost } from './sparkplug-host.ts';

const { Good, Bad, Stale } = SparkplugQuality;
const WARN = 40;

describe.skipIf(!hasMosquitto)('the Sparkplug edge node at Mosquitto', () => {
  let folder: string;
  let broker: Mosquitto;
  let host: SparkplugHost;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'lineside-sparkplug-'));
    broker = await Mosquitto.start(folder);
  });

  afterAll(async () => {
    await broker?.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  beforeEach(async () => {
    host = await SparkplugHost.connect(broker.url, GROUP, NODE);
    onTestFinished(() => host.close());
  });

  const rigAt = async (config: Parameters<typeof NodeRig.make>[2] = {}) =>
    NodeRig.make(await tempDir(), broker.url, config);

  /** Waits until the host has heard that much, and returns it. */
  const hears = (story: string, from = 0) => vi.waitFor(() => expect(host.story(from)).toBe(story), PATIENT);

  it('is born with all that there is, says what changes by alias, and dies by name', async () => {
    const rig = await rigAt();
    rig.frame('press', { temperature: 21.5, state: 'Execute', parts: -7 }, { at: 1_795_000_000_000 });
    rig.frame('press', { temperature: null }, { quality: 0x8031_0000, at: 1_795_000_000_500 });
    await rig.start();
    await hears('NBIRTH, DBIRTH press, DBIRTH pump');
    const [nodeBirth, press, pump] = host.heard;
    expect(nodeBirth!.payload.metrics.map((metric) => [metric.name, sparkplugValue(metric), metric.alias])).toEqual([
      ['bdSeq', 0, undefined],
      ['Node Control/Rebirth', false, undefined],
      ['Gateway/Version', '0.1.0', 2 ** 32],
      ['Gateway/Samples waiting', 0, 2 ** 32 + 1],
    ]);
    expect(nodeBirth!.payload.metrics.every(({ datatype, timestamp }) => datatype && timestamp)).toBe(true);
    expect(press!.payload.metrics.map((metric) => host.said(metric))).toEqual([
      { name: 'temperature', value: null, at: 1_795_000_000_500, historical: false, quality: Bad },
      { name: 'state', value: 'Execute', at: 1_795_000_000_000, historical: false, quality: Good },
      { name: 'parts', value: -7, at: 1_795_000_000_000, historical: false, quality: Good },
    ]);
    const unit = press!.payload.metrics[0]!.properties!.find(({ key }) => key === 'engUnit')!;
    expect(sparkplugValue(unit)).toBe('Cel');
    expect(pump!.payload.metrics.map(({ alias, datatype, isNull }) => [alias, datatype, isNull])).toEqual([
      [5, DataType.Boolean, true],
      [6, DataType.Float, true],
    ]);
    expect(host.said(pump!.payload.metrics[0]!).quality).toBe(Stale);

    rig.frame('press', { temperature: 22, state: 'Execute' });
    rig.frame('press', { temperature: 22 });
    rig.frame('press', { temperature: 22, parts: 2 ** 53 - 1 }, { quality: 0x4090_0000 });
    rig.frame('pump', { running: false, pressure: 1.5 });
    rig.frame('pump', { pressure: 0.5 }, { at: 1_795_000_000_000, historical: true });
    rig.pending = 12;
    await vi.waitFor(() => expect(host.data()).toHaveLength(1), PATIENT);
    expect(host.data('press').map(({ name, value, quality }) => [name, value, quality])).toEqual([
      ['temperature', 22, Good],
      ['temperature', 22, Stale],
      ['parts', 2 ** 53 - 1, Stale],
    ]);
    expect(host.data('pump').map(({ name, value, historical }) => [name, value, historical])).toEqual([
      ['pressure', 0.5, true],
      ['running', false, false],
      ['pressure', 1.5, false],
    ]);
    expect(host.data()).toMatchObject([{ name: 'Gateway/Samples waiting', value: 12 }]);
    expect(host.of('DDATA', 'press')[0]!.payload.metrics.every(({ name, datatype }) => !name && !datatype)).toBe(
      true,
    );

    await rig.node.stop();
    await vi.waitFor(() => expect(host.bdSeqs()).toEqual(['NBIRTH 0', 'NDEATH 0']), PATIENT);
    expect(host.of('NDEATH')[0]).toMatchObject({ payload: { metrics: [{ name: 'bdSeq', datatype: 4 }] }, qos: 1 });
    expect(host.of('NDEATH')[0]!.payload.seq).toBeUndefined();
    expect(host.heard.filter(({ qos }) => qos > 0).map(({ type }) => type)).toEqual(['NDEATH']);
    expect(host.holes()).toEqual([]);
  });

  it('tells of a device that goes and comes back, and counts on to 255 and from 0', async () => {
    const rig = await rigAt({ publishIntervalMs: 10 });
    rig.devices[1]!.state = 'down';
    await rig.start();
    rig.turn('press', 'down');
    await hears('NBIRTH, DBIRTH press, DDEATH press');
    rig.frame('press', { temperature: 1 });
    rig.turn('press', 'up');
    rig.turn('pump', 'up');
    await hears('NBIRTH, DBIRTH press, DDEATH press, DBIRTH press, DBIRTH pump');
    expect(host.said(host.of('DBIRTH', 'press')[1]!.payload.metrics[0]!)).toMatchObject({ value: 1 });
    for (let round = 0; round < 130; round++) {
      rig.frame('pump', { pressure: round });
      rig.frame('press', { parts: round });
      const sent = () => host.of('DDATA', 'press').length + host.of('DDATA', 'pump').length;
      await vi.waitFor(() => expect(sent()).toBe(2 * round + 2), { ...PATIENT, interval: 1 });
    }
    expect(host.data('pump').map(({ value }) => value)).toEqual(Array.from({ length: 130 }, (_, i) => i));
    expect(host.heard.length).toBeGreaterThan(256);
    expect(host.holes()).toEqual([]);
  });

  it('is born again when a host asks, with the same number, and when there are other tags', async () => {
    const rig = await rigAt();
    await rig.start();
    await host.rebirth();
    await host.rebirth();
    await hears('NBIRTH, DBIRTH press, DBIRTH pump, NBIRTH, DBIRTH press, DBIRTH pump');
    expect(host.bdSeqs()).toEqual(['NBIRTH 0', 'NBIRTH 0']);
    await host.nodeCommand({ name: 'Node Control/Reboot', value: { kind: 'boolean', value: true } });
    await host.raw(`spBv1.0/${GROUP}/NCMD/${NODE}`, 'rebirth please');
    await vi.waitFor(() => expect(rig.said(WARN)).toHaveLength(2), PATIENT);

    const before = host.heard.length;
    rig.tags = rig.tags.filter(({ device }) => device === 'pump').concat(tag(9, 'pump', 'flow'));
    rig.devices.splice(0, 1);
    rig.node.described();
    await hears('DDEATH press, NBIRTH, DBIRTH pump', before);
    expect(host.heard.at(-1)!.payload.metrics.map(({ name }) => name)).toEqual(['running', 'pressure', 'flow']);
    expect(host.holes()).toEqual([]);
  });

  it('carries commands to the machine, and says again how it is when one is refused', async () => {
    const rig = await rigAt();
    rig.frame('press', { temperature: 20 });
    await rig.start();
    await host.deviceCommand(
      'press',
      { alias: 2, value: { kind: 'double', value: 55.5 } },
      { name: 'parts', datatype: DataType.Int32, value: { kind: 'int', value: 2 ** 32 - 3 } },
      { name: 'state', datatype: DataType.String, value: { kind: 'string', value: 'Hold' } },
      { alias: 6, value: { kind: 'float', value: 1 } },
      { alias: 2, isNull: true },
      { alias: 4, value: { kind: 'string', value: 'many' } },
    );
    await vi.waitFor(() => expect(rig.writes).toHaveLength(3), PATIENT);
    expect(rig.writes.map(({ device, tag, value, via }) => [device, tag, value, via])).toEqual([
      ['press', 'temperature', 55.5, 'sparkplug'],
      ['press', 'parts', -3, 'sparkplug'],
      ['press', 'state', 'Hold', 'sparkplug'],
    ]);
    expect(new Set(rig.writes.map(({ id }) => id)).size).toBe(3);
    expect(rig.said(WARN).map((line) => (line as string[])[1])).toEqual([
      'there is no metric alias 6',
      'temperature takes no null',
      'parts: a Int64 lies in string_value',
    ]);
    expect(host.data('press')).toEqual([]);

    rig.refusal = 'beyond its limits';
    await host.deviceCommand('press', { alias: 2, value: { kind: 'double', value: 1e9 } });
    await vi.waitFor(() => expect(host.data('press')).toMatchObject([{ name: 'temperature', value: 20 }]), PATIENT);
  });

  it('does not carry out a command that a broker has kept', async () => {
    const rig = await rigAt();
    const topic = `spBv1.0/${GROUP}/DCMD/${NODE}/press`;
    await host.raw(topic, 'old', true);
    await rig.start();
    await vi.waitFor(() => expect(JSON.stringify(rig.said(WARN))).toContain('retained'), PATIENT);
    await host.raw(topic, '', true);
  });

  it('waits for its primary host, falls silent without it, and then sends what it has kept', async () => {
    const rig = await rigAt({ primaryHost: HOST });
    await host.state(HOST, false, 1_000);
    onTestFinished(() => host.raw(`spBv1.0/STATE/${HOST}`, '', true));
    rig.node.start();
    await vi.waitFor(() => expect(rig.node.state().reason).toContain('waiting for the primary host'), PATIENT);
    rig.frame('press', { temperature: 1 }, { at: Date.now() - 60_000 });
    await rig.buffer.flush();
    await host.state(HOST, true, 999);
    await host.raw(`spBv1.0/STATE/${HOST}`, 'ONLINE');
    await vi.waitFor(() => expect(rig.said(WARN)).toHaveLength(2), PATIENT);
    expect(host.heard).toEqual([]);

    await host.state(HOST, true, 2_000);
    await rig.online();
    await vi.waitFor(() => expect(host.data('press').map(({ historical }) => historical)).toEqual([true]), PATIENT);
    rig.frame('press', { temperature: 2 });
    await vi.waitFor(() => expect(host.data('press')).toHaveLength(2), PATIENT);
    // An old goodbye that comes late.
    await host.state(HOST, false, 1_500);
    await vi.waitFor(() => expect(rig.said(WARN)).toHaveLength(3), PATIENT);
    expect(rig.node.state().online).toBe(true);
    // The broker answers a ping: it has all that was sent.
    await vi.waitFor(() => expect(rig.buffer.reader('sparkplug').cursor).toBe(rig.buffer.newestSeq), PATIENT);

    const before = host.heard.length;
    await host.state(HOST, false, 2_000);
    await hears('NDEATH', before);
    await vi.waitFor(() => expect(rig.node.state().reason).toContain('waiting for the primary host'), PATIENT);
    rig.frame('pump', { pressure: null }, { quality: 0x8031_0000 });
    for (const value of [3, 3, 4, 5]) {
      rig.frame('press', { temperature: value });
      await rig.buffer.flush();
    }
    rig.frame('pump', { pressure: 9 });
    await rig.buffer.flush();
    rig.turn('pump', 'down');
    await host.state(HOST, true, 3_000);
    await vi.waitFor(
      () =>
        expect(host.story(before)).toBe(
          'NDEATH, NBIRTH, DBIRTH press, DDATA press, DDATA press, DDATA press, DBIRTH pump, DDATA pump, DDEATH pump',
        ),
      PATIENT,
    );
    expect(
      host
        .data('press')
        .slice(2)
        .map(({ value, historical }) => [value, historical]),
    ).toEqual([
      [3, true],
      [4, true],
      [5, true],
    ]);
    expect(host.bdSeqs()).toEqual(['NBIRTH 0', 'NDEATH 0', 'NBIRTH 1']);
    rig.frame('press', { temperature: 6 });
    await vi.waitFor(() => expect(host.data('press').at(-1)).toMatchObject({ value: 6, historical: false }), PATIENT);
    expect(host.holes()).toEqual([]);
  });

  it('outlives the broker, and its number outlives the gateway', async () => {
    const dir = await tempDir();
    onTestFinished(() => host.raw(`spBv1.0/STATE/${HOST}`, '', true));
    await host.state(HOST, true, 1_000);
    const rig = await NodeRig.make(dir, broker.url, { primaryHost: HOST });
    await rig.start();
    rig.frame('press', { temperature: 1 });
    await vi.waitFor(() => expect(host.data('press').at(-1)).toMatchObject({ value: 1 }), PATIENT);
    await vi.waitFor(() => expect(rig.buffer.reader('sparkplug').cursor).toBe(rig.buffer.newestSeq), PATIENT);
    await broker.kill();
    await rig.offline();
    rig.frame('press', { temperature: 2 });
    rig.frame('press', { temperature: 3 });
    await rig.buffer.flush();
    await broker.restart();
    // The host comes back, subscribes, and then says so.
    await host.state(HOST, true, 2_000);
    const late = () => host.data('press').flatMap(({ historical, value }) => (historical ? [value] : []));
    await vi.waitFor(() => expect(late().slice(-2)).toEqual([2, 3]), PATIENT);
    await vi.waitFor(() => expect(rig.buffer.reader('sparkplug').cursor).toBe(rig.buffer.newestSeq), PATIENT);
    await rig.stop();
    const dead = () => Number(host.bdSeqs().at(-1)?.replace('NDEATH ', ''));
    await vi.waitFor(() => expect(dead()).toBeGreaterThan(0), PATIENT);
    const last = dead();
    const again = await NodeRig.make(dir, broker.url);
    await again.start();
    await vi.waitFor(() => expect(host.bdSeqs().at(-1)).toBe(`NBIRTH ${last + 1}`), PATIENT);
    // Attempts that reached nobody used no number.
    expect(last).toBeLessThan(4);
  });

  it('lets the broker tell of its death when it is cut off', async () => {
    const rig = await rigAt();
    await rig.start();
    // Another client with its name: the broker throws the first one out.
    const other = await NodeRig.make(await tempDir(), broker.url);
    other.node.start();
    await vi.waitFor(() => expect(host.bdSeqs()).toContain('NDEATH 0'), PATIENT);
    await other.stop();
  });

  it('says once why it is not let in', async () => {
    const closed = await Mosquitto.start(await tempDir(), ['allow_anonymous false']);
    onTestFinished(() => closed.kill());
    const rig = await NodeRig.make(await tempDir(), closed.url);
    rig.node.start();
    const why =
      'the broker does not let "anonymous" in; check sparkplug.username and the password in sparkplug.passwordFile';
    await vi.waitFor(() => expect(rig.node.state().reason).toBe(why), PATIENT);
    await vi.waitFor(
      () => expect(rig.lines.filter(({ bdSeq }) => bdSeq !== undefined).length).toBeGreaterThan(3),
      PATIENT,
    );
    expect(rig.said(WARN)).toEqual([['Sparkplug node offline', why]]);
  });

  it('gives births of 10,000 metrics again within 2 s', { retry: 2 }, async () => {
    const rig = await rigAt();
    rig.tags = Array.from({ length: 10_000 }, (_, i) =>
      tag(i + 1, i % 2 ? 'press' : 'pump', `area/line/tag ${i}`, { unit: 'Cel' }),
    );
    for (const device of ['press', 'pump']) {
      const own = rig.tags.filter((entry) => entry.device === device);
      rig.frame(device, Object.fromEntries(own.map(({ name, id }) => [name, id / 7])));
    }
    await rig.start();
    const births = (device: string) =>
      host.of('DBIRTH', device).filter(({ payload }) => payload.metrics.length === 5_000);
    await vi.waitFor(() => expect(births('pump')).toHaveLength(1), PATIENT);
    const asked = performance.now();
    await host.rebirth();
    await vi.waitFor(() => expect([births('press').length, births('pump').length]).toEqual([2, 2]), PATIENT);
    const ms = Math.round(births('pump')[1]!.at - asked);
    const bytes = births('press')[1]!.bytes.length + births('pump')[1]!.bytes.length;
    const own = rig.lines.findLast(({ msg }) => msg === 'Sparkplug births sent again')?.ms;
    console.warn(
      `rebirth of 10,000 metrics: ${ms} ms from command to last birth, ${own} of them here; ${bytes} bytes`,
    );
    expect(ms).toBeLessThan(2_000);
  });
});
