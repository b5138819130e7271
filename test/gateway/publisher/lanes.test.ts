/** Two lanes over one link: what is urgent does not wait for a backlog of samples, and neither disturbs the other. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { emptyFrame, pushSample } from '@lineside/shared/contracts/frame.ts';
import { pino } from 'pino';
import { expect, onTestFinished, test, vi } from 'vitest';
import { GatewayBuffer } from '../../../gateway/buffer/buffer.ts';
import { HubLink } from '../../../gateway/publisher/hub-link.ts';
import { tempDir } from '../../services/temp-dir.ts';
import { FakeHub, GATEWAY, PASSWORD } from './fake-hub.ts';

const PATIENT = { timeout: 15_000 };
const CLOCK = { kind: 'clock', at: 5, stepMs: 100 } as const;

async function rig() {
  const dir = join(await tempDir(), 'buffer');
  const hub = await new FakeHub().start();
  const log = pino({ level: 'silent' });
  const buffer = new GatewayBuffer({
    dir,
    config: { commitIntervalMs: 0, segmentMiB: 4, maxMiB: 64 },
    log,
    now: Date.now,
    onCommit: () => link.notify(),
    onRebirth: () => link.notify(),
    rebirthMs: 0,
  });
  const link = new HubLink({
    gateway: GATEWAY,
    endpoint: { url: `mqtt://127.0.0.1:${hub.port}`, password: PASSWORD, resolvePath: (path) => path },
    buffer,
    urgent: buffer.urgent,
    status: () => ({
      ...{ gateway: GATEWAY, online: true, at: 1, version: '0', startedAt: 0, devices: [] },
      buffer: { epoch: buffer.epoch, pendingRecords: 0, pendingSamples: 0, bytes: 0 },
    }),
    onAcknowledge: () => Promise.reject(new Error('nobody acknowledges here')),
    onWrite: () => Promise.reject(new Error('nobody writes here')),
    log,
    now: Date.now,
  });
  onTestFinished(async () => {
    await hub.kill();
    await link.stop();
    await buffer.close();
  });
  await buffer.open();
  buffer.describeTags([{ id: 1, device: 'press', name: 'oil', type: 'integer', unit: '', description: '' }]);
  await buffer.flush();
  const fill = async (records: number) => {
    for (let i = 0; i < records; i++) {
      const frame = emptyFrame('press', Date.now());
      pushSample(frame, 1, Date.now(), i, 0);
      buffer.addFrame(frame);
      await buffer.flush();
    }
  };
  const of = (epoch: string) => hub.records.filter((record) => record.epoch === epoch).map(({ seq }) => seq);
  return { dir, hub, buffer, link, fill, of };
}

/** Commits what comes in order, each epoch by itself. */
function commitAll(hub: FakeHub): void {
  const committed = new Map<string, number>();
  hub.onHello = ({ epoch }) => hub.answer({ seq: committed.get(epoch) ?? 0 }, epoch);
  hub.onData = (seq, prev) => {
    const { epoch } = hub.records.at(-1)!;
    const before = committed.get(epoch) ?? 0;
    if (prev <= before) committed.set(epoch, Math.max(before, seq));
    hub.answer({ seq: committed.get(epoch) ?? 0, resend: prev > before }, epoch);
  };
}

test('an event goes before a backlog of samples', async () => {
  const { hub, buffer, link, fill, of } = await rig();
  await fill(100);
  buffer.addEvent(CLOCK);
  await buffer.flushUrgent();
  link.start();
  await vi.waitFor(() => expect(hub.hellos).toHaveLength(2), PATIENT);
  const { epoch } = buffer.urgent;
  expect(hub.hellos.map((hello) => hello.epoch)).toEqual([epoch, buffer.epoch]);
  for (const hello of hub.hellos) hub.answer({ seq: 0 }, hello.epoch);
  // A hub that is silent has a full window of samples, and hears the next event all the same.
  await vi.waitFor(() => expect(hub.records).toHaveLength(65), PATIENT);
  expect(hub.records[0]).toEqual({ epoch, seq: 1 });
  buffer.addEvent(CLOCK);
  await vi.waitFor(() => expect(of(epoch)).toEqual([1, 2]), PATIENT);
  expect(of(buffer.epoch)).toHaveLength(64);
});

test('an answer moves the cursor of its own lane alone', async () => {
  const { hub, buffer, link, fill } = await rig();
  await fill(10);
  buffer.addEvent(CLOCK);
  await buffer.flushUrgent();
  commitAll(hub);
  link.start();
  await vi.waitFor(() => expect([buffer.committedSeq, buffer.urgent.committedSeq]).toEqual([12, 1]), PATIENT);
  hub.answer({ seq: 5, resend: true }, buffer.epoch);
  await vi.waitFor(() => expect(hub.records.filter(({ seq }) => seq === 12)).toHaveLength(2), PATIENT);
  expect(hub.records.filter(({ epoch }) => epoch === buffer.urgent.epoch)).toHaveLength(1);
});

test('a directory that was removed is made anew: the link goes on with the new epochs, and the loss is told', async () => {
  const { dir, hub, buffer, link, fill, of } = await rig();
  await fill(5);
  commitAll(hub);
  link.start();
  await vi.waitFor(() => expect(buffer.committedSeq).toBe(buffer.newestSeq), PATIENT);
  const before = buffer.epoch;
  hub.onData = () => undefined;
  await fill(3);
  await rm(dir, { recursive: true });
  await vi.waitFor(async () => {
    await fill(1);
    expect(buffer.epoch).not.toBe(before);
  }, PATIENT);
  commitAll(hub);
  await vi.waitFor(() => {
    expect(buffer.committedSeq).toBe(buffer.newestSeq);
    expect(buffer.urgent.committedSeq).toBe(buffer.urgent.newestSeq);
    expect(of(buffer.urgent.epoch).length).toBeGreaterThan(0);
  }, PATIENT);
  // The catalogue leads the new epoch.
  expect(of(buffer.epoch)[0]).toBe(1);
}, 30_000);
