import { createServer } from 'node:net';
import { join } from 'node:path';
import { emptyFrame, pushSample, type TagInfo } from '@lineside/shared/contracts/frame.ts';
import type { AcknowledgeCommand, TagWriteCommand } from '@lineside/shared/contracts/link.ts';
import { pino } from 'pino';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { GatewayBuffer } from '../../../gateway/buffer/buffer.ts';
import { HubLink } from '../../../gateway/publisher/hub-link.ts';
import { tempDir } from '../../services/temp-dir.ts';
import { FakeHub, GATEWAY, PASSWORD } from './fake-hub.ts';

const PATIENT = { timeout: 10_000 };

/** A link over a real buffer on disk to a hub that does what the test says. */
const TAGS: TagInfo[] = [{ id: 1, device: 'press', name: 'oil', type: 'integer', unit: '', description: '' }];

class Rig {
  readonly hub = new FakeHub();
  readonly commands: AcknowledgeCommand[] = [];
  /** With how long each may still wait, milliseconds. */
  readonly writes: { command: TagWriteCommand; leftMs: number }[] = [];
  readonly lines: string[] = [];
  readonly buffer: GatewayBuffer;
  readonly link: HubLink;
  /** Added to the clock, milliseconds. */
  skew = 0;

  private constructor(dir: string, url: string, hub: FakeHub, password: string, catchUpKiBPerSecond: number) {
    this.hub = hub;
    const log = pino({ level: 'debug' }, { write: (line) => void this.lines.push(line) });
    const now = () => Date.now() + this.skew;
    this.buffer = new GatewayBuffer({
      dir: join(dir, 'buffer'),
      config: { commitIntervalMs: 0, segmentMiB: 4, maxMiB: 64, keepCommittedMiB: 32 },
      log: pino({ level: 'silent' }),
      now,
      onCommit: (record, lane) => this.link.notify(lane === 'samples' ? record : undefined),
    });
    this.link = new HubLink({
      gateway: GATEWAY,
      endpoint: { url, password, resolvePath: (path) => path },
      buffer: this.buffer,
      status: () => this.#status(),
      onAcknowledge: async (command) => {
        this.commands.push(command);
        if (command.comment === 'fail') throw new Error('nothing to acknowledge');
        return command.comment === 'refuse' ? 'the server refused it' : '';
      },
      onWrite: async (command, notAfter) => {
        this.writes.push({ command, leftMs: notAfter - performance.now() });
        return { id: command.id, ok: true, old: 1, new: 2, at: 3, error: '' };
      },
      catchUpKiBPerSecond,
      log,
      now,
    });
  }

  static async make({ records = 0, password = PASSWORD, start = true, url = '', catchUp = 0 } = {}): Promise<Rig> {
    const dir = await tempDir();
    const hub = await new FakeHub().start();
    const rig = new Rig(dir, url || `mqtt://127.0.0.1:${hub.port}`, hub, password, catchUp);
    onTestFinished(async () => {
      await hub.kill();
      await rig.link.stop();
      await rig.buffer.close();
    });
    // What the hub may know of already is of an earlier process.
    const before = new Rig(dir, '', hub, password, 0);
    await before.buffer.open();
    before.buffer.describeTags(TAGS);
    await before.buffer.flush();
    await before.fill(records - before.buffer.newestSeq);
    await before.buffer.close();
    await rig.buffer.open();
    if (start) rig.link.start();
    return rig;
  }

  /** Makes so many records more. */
  async fill(records: number): Promise<void> {
    for (let i = 0; i < records; i++) {
      const frame = emptyFrame('press', Date.now());
      pushSample(frame, 1, Date.now(), i, 0);
      this.buffer.addFrame(frame);
      await this.buffer.flush();
    }
  }

  /** Waits for the next hello after those heard so far. */
  async hello(count = this.hub.hellos.length + 1): Promise<void> {
    await vi.waitFor(() => expect(this.hub.hellos.length).toBeGreaterThanOrEqual(count), PATIENT);
  }

  async sent(seqs: number[]): Promise<void> {
    await vi.waitFor(() => expect(this.hub.seqs).toEqual(seqs), PATIENT);
  }

  async committed(seq: number): Promise<void> {
    await vi.waitFor(() => expect(this.buffer.committedSeq).toBe(seq), PATIENT);
  }

  async reason(words: RegExp): Promise<void> {
    await vi.waitFor(() => expect(this.link.state().reason).toMatch(words), PATIENT);
  }

  #status() {
    const { epoch, pendingRecords, pendingSamples, bytes } = this.buffer.stats();
    const buffer = { epoch, pendingRecords, pendingSamples, bytes };
    return { gateway: GATEWAY, online: true, at: Date.now(), version: '0', startedAt: 0, buffer, devices: [] };
  }
}

/** first, first + 1, … last */
function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

/** Lets everything that is on its way arrive: the broker answers in order. */
async function settled(rig: Rig): Promise<void> {
  const before = rig.hub.statuses.length;
  rig.link.statusChanged();
  await vi.waitFor(() => expect(rig.hub.statuses.length).toBeGreaterThan(before), PATIENT);
}

describe('behind a backlog', () => {
  test('what is measured now is shown at once, and stored when its turn comes', async () => {
    const rig = await Rig.make({ records: 100 });
    await rig.hello();
    rig.hub.answer({ seq: 0 });
    await rig.sent(range(1, 64));
    await rig.fill(1);
    await vi.waitFor(() => expect(rig.hub.shown).toEqual([101]), PATIENT);
    rig.hub.commitAll(64);
    await rig.committed(101);
    expect(rig.hub.seqs).toEqual(range(1, 101));
    await rig.fill(3);
    await rig.committed(104);
    expect(rig.hub.shown).toEqual([101]);
  });

  test('a rate for the backlog leaves the line to what is measured now', async () => {
    const rig = await Rig.make({ records: 100, catchUp: 1 });
    rig.hub.commitAll();
    await vi.waitFor(() => expect(rig.hub.seqs.length).toBeGreaterThan(1), PATIENT);
    await rig.fill(1);
    await vi.waitFor(() => expect(rig.hub.shown).toEqual([101]), PATIENT);
    // A record has 80 bytes and more: 1 KiB/s are at most 13 a second.
    expect(rig.hub.seqs.length).toBeLessThan(60);
  });
});

describe('in order', () => {
  test('hello comes first, and nothing of the data before the hub has answered', async () => {
    const rig = await Rig.make({ records: 5 });
    await vi.waitFor(() => expect(rig.hub.heard).toEqual(['hello', 'status']), PATIENT);
    expect(rig.hub.hellos).toEqual([{ epoch: rig.buffer.epoch, oldest: 1, newest: 5 }]);
    await rig.fill(1);
    // Passes through the same connection behind whatever the new record could have caused.
    rig.hub.say('command', JSON.stringify(command()));
    await vi.waitFor(() => expect(rig.commands).toHaveLength(1), PATIENT);
    expect(rig.hub.heard).toEqual(['hello', 'status']);
    expect(rig.link.state().connected).toBe(false);

    rig.hub.answer({ seq: 2 });
    await rig.sent([3, 4, 5, 6]);
    expect(rig.link.state()).toMatchObject({ connected: true, reason: '' });
    await rig.committed(2);
  });

  test('a hub that commits gets every record once, also those made meanwhile', async () => {
    const rig = await Rig.make({ records: 200 });
    await rig.hello();
    rig.hub.commitAll();
    await rig.fill(20);
    await rig.committed(220);
    expect(rig.hub.seqs).toEqual(range(1, 220));
  });

  test('a hub that is silent has at most 64 records in flight, and an answer makes room', async () => {
    const rig = await Rig.make({ records: 150 });
    await rig.hello();
    rig.hub.answer({ seq: 0 });
    await rig.sent(range(1, 64));
    await settled(rig);
    expect(rig.hub.seqs).toHaveLength(64);
    rig.hub.answer({ seq: 10 });
    await rig.sent(range(1, 74));
    await rig.committed(10);
    rig.hub.answer({ seq: 74 });
    await rig.sent(range(1, 138));
  });
});

describe('the hub’s answers', () => {
  test('repeated, late or of another epoch move nothing', async () => {
    const rig = await Rig.make({ records: 10 });
    await rig.hello();
    rig.hub.answer({ seq: 4 });
    await rig.sent(range(5, 10));
    rig.hub.answer({ seq: 8 });
    rig.hub.answer({ seq: 8 });
    rig.hub.answer({ seq: 6 });
    rig.hub.answer({ seq: 10 }, 'f'.repeat(32));
    await settled(rig);
    expect(rig.buffer.committedSeq).toBe(8);
    expect(rig.hub.seqs).toEqual(range(5, 10));
  });

  test('the answer to the hello twice sends nothing twice', async () => {
    const rig = await Rig.make({ records: 10 });
    rig.hub.onHello = () => {
      rig.hub.answer({ seq: 3 });
      rig.hub.answer({ seq: 3 });
    };
    await rig.sent(range(4, 10));
    await settled(rig);
    expect(rig.hub.seqs).toEqual(range(4, 10));
  });

  test('one hole is filled once, however often the hub speaks of it', async () => {
    const rig = await Rig.make({ records: 20 });
    await rig.hello();
    rig.hub.answer({ seq: 0 });
    await rig.sent(range(1, 20));
    for (let i = 0; i < 5; i++) rig.hub.answer({ seq: 12, resend: true });
    await rig.sent([...range(1, 20), ...range(13, 20)]);
    await settled(rig);
    expect(rig.hub.seqs).toHaveLength(28);
    rig.hub.answer({ seq: 16, resend: true });
    await rig.sent([...range(1, 20), ...range(13, 20), ...range(17, 20)]);
  });

  test('a hub that was restored from a backup gets again what is still kept', async () => {
    const rig = await Rig.make({ records: 150 });
    await rig.hello();
    rig.hub.commitAll();
    await rig.committed(150);
    rig.hub.seqs.length = 0;
    rig.hub.commitAll(20);
    rig.hub.answer({ seq: 20, resend: true });
    await rig.committed(150);
    await rig.sent(range(21, 150));
  });

  test('what is not understood is passed over and the rest goes on', async () => {
    const rig = await Rig.make({ records: 3 });
    await rig.hello();
    const { epoch } = rig.hub.hellos[0]!;
    for (const payload of [
      ...['', '{', 'null', '[]', '42', '"x"', '\xff\xfe\0', JSON.stringify({ epoch, seq: -1, resend: false })],
      ...[JSON.stringify({ epoch, seq: '3', resend: false }), JSON.stringify({ seq: 3, resend: false })],
      ...[JSON.stringify({ epoch, seq: 1.5, resend: false }), `${' '.repeat(70_000)}{}`],
    ]) {
      rig.hub.say('committed', payload);
      rig.hub.say('command', payload);
    }
    rig.hub.commitAll();
    await rig.committed(3);
    expect(rig.commands).toEqual([]);
    expect(rig.lines.filter((line) => line.includes('not understood'))).toHaveLength(24);
  });
});

describe('silence', () => {
  test('with records in flight makes the link ask, and go back to what is committed', async () => {
    const rig = await Rig.make({ records: 10 });
    await rig.hello();
    rig.hub.answer({ seq: 0 });
    await rig.sent(range(1, 10));
    rig.skew += 6_000;
    await rig.hello(2);
    expect(rig.hub.connections).toBe(1);
    rig.hub.commitAll(7);
    await rig.committed(10);
    expect(rig.hub.seqs).toEqual([...range(1, 10), ...range(8, 10)]);
  });

  test('without records in flight is peace', async () => {
    const rig = await Rig.make({ records: 3 });
    await rig.hello();
    rig.hub.commitAll();
    await rig.committed(3);
    rig.skew += 60_000;
    // The link looks once a second, and nothing shall come of it.
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await settled(rig);
    expect(rig.hub.hellos).toHaveLength(1);
  });

  test('after the hello makes the link say it again: the hub may not have heard its broker yet', async () => {
    const rig = await Rig.make({ records: 3 });
    await rig.hello();
    rig.skew += 3_000;
    await rig.hello(2);
    rig.hub.answer({ seq: 0 });
    rig.hub.commitAll();
    await rig.committed(3);
    expect(rig.hub.connections).toBe(1);
    expect(rig.hub.seqs).toEqual(range(1, 3));
  });

  test('after the hello ends the connection, and says that the hub is missing, not the broker', async () => {
    const rig = await Rig.make({ records: 3 });
    await rig.hello();
    rig.skew += 16_000;
    await rig.reason(/the broker is there, but the hub does not answer; trying again in \d/);
    rig.hub.commitAll();
    await rig.committed(3);
    expect(rig.hub.connections).toBe(2);
  });
});

describe('the connection', () => {
  test('a broker that is killed and comes back: the link returns and nothing is missing', async () => {
    const rig = await Rig.make({ records: 5 });
    await rig.hello();
    rig.hub.commitAll();
    await rig.committed(5);
    await rig.hub.kill();
    await rig.reason(/trying again in \d+\.\d s$/);
    expect(rig.link.state().connected).toBe(false);
    await rig.fill(5);
    await rig.reason(/ECONNREFUSED/);
    rig.hub.commitAll(5);
    await rig.hub.start();
    await rig.committed(10);
    expect(rig.hub.seqs).toEqual(range(1, 10));
    const said = rig.lines.filter((line) => /hub link (up|down)/.test(line)).map((line) => JSON.parse(line).msg);
    expect(said).toEqual(['hub link up', 'hub link down; samples stay on disk', 'hub link up']);
  });

  test('cut while records are in flight: they are sent again, and the hub’s old answer is not believed', async () => {
    const rig = await Rig.make({ records: 10 });
    await rig.hello();
    rig.hub.answer({ seq: 0 });
    await rig.sent(range(1, 10));
    rig.hub.cut();
    rig.hub.commitAll(4);
    await rig.committed(10);
    expect(rig.hub.hellos).toHaveLength(2);
    expect(rig.hub.seqs).toEqual([...range(1, 10), ...range(5, 10)]);
  });

  test('a wrong password gives a reason that says what to look at, and shows no password', async () => {
    const rig = await Rig.make({ records: 3, password: 'swordfish' });
    await rig.reason(/the broker does not let "line-1" in; check gateway.id and the password in hub.passwordFile/);
    expect(rig.hub.heard).toEqual([]);
    expect(rig.lines.join('')).not.toContain('swordfish');
    rig.hub.password = 'swordfish';
    rig.hub.commitAll();
    await rig.committed(3);
    expect(rig.lines.join('')).not.toContain('swordfish');
  });

  test('refused topics give a reason that names them', async () => {
    const rig = await Rig.make({ start: false });
    rig.hub.refuse = ['command'];
    rig.link.start();
    await rig.reason(/refuses the topics .*line-1\/committed, .*line-1\/command; check the gateway's rights/);
    expect(rig.hub.hellos).toEqual([]);
  });

  test('something that listens but is no broker, or nothing at all, is a reason too', async () => {
    const web = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void web.close());
    const { port } = web.address() as { port: number };
    const rig = await Rig.make({ url: `mqtt://127.0.0.1:${port}` });
    await rig.reason(/\S.+; trying again in/);

    const nowhere = await Rig.make({ url: 'mqtt://localhost:1' });
    await nowhere.reason(/^connect ECONNREFUSED .*:1.*; trying again in/);
  });
});

describe('status', () => {
  test('is retained; an end without a word is told by the will', async () => {
    const rig = await Rig.make();
    await rig.hello();
    await vi.waitFor(() => expect(rig.hub.statuses).toHaveLength(1), PATIENT);
    expect(rig.hub.statuses[0]).toMatchObject({ status: { gateway: GATEWAY, online: true }, retained: true });
    rig.hub.cut();
    const offline = () => rig.hub.statuses.find(({ status }) => !status.online);
    await vi.waitFor(() => expect(offline()).toMatchObject({ status: { gateway: GATEWAY } }), PATIENT);
  });

  test('many changes at once are told once, soon', async () => {
    const rig = await Rig.make();
    await rig.hello();
    rig.hub.commitAll();
    await vi.waitFor(() => expect(rig.link.state().connected).toBe(true), PATIENT);
    const before = rig.hub.statuses.length;
    for (let i = 0; i < 50; i++) rig.link.statusChanged();
    await vi.waitFor(() => expect(rig.hub.statuses.length).toBe(before + 1), PATIENT);
  });

  test('stop says offline, within a second, and only once', async () => {
    const rig = await Rig.make({ records: 2 });
    await rig.hello();
    rig.hub.commitAll();
    await rig.committed(2);
    const before = performance.now();
    await Promise.all([rig.link.stop(), rig.link.stop()]);
    expect(performance.now() - before).toBeLessThan(1_000);
    const offline = rig.hub.statuses.filter(({ status }) => !status.online);
    expect(offline).toMatchObject([{ retained: true }]);
    expect(rig.link.state()).toMatchObject({ connected: false, reason: 'stopped' });
    await rig.fill(1);
    expect(rig.hub.seqs).toEqual([1, 2]);
  });

  test('stop while the hub is away is quick, and nothing tries again', async () => {
    const rig = await Rig.make({ records: 2 });
    await rig.hello();
    await rig.hub.kill();
    await rig.reason(/trying again/);
    const before = performance.now();
    await rig.link.stop();
    expect(performance.now() - before).toBeLessThan(500);
    expect(rig.link.state().reason).toBe('stopped');
  });
});

function command(comment = ''): AcknowledgeCommand {
  return { id: '1', type: 'alarm.acknowledge', occurrence: 'abc', by: 'Ann', comment, at: 1 };
}

test('commands are handed on; one that fails is logged and the next is carried out', async () => {
  const rig = await Rig.make();
  await rig.hello();
  rig.hub.say('command', JSON.stringify(command('fail')));
  rig.hub.say('command', JSON.stringify(command('refuse')));
  rig.hub.say('command', JSON.stringify(command('well')));
  await vi.waitFor(
    () => expect(rig.commands.map(({ comment }) => comment)).toEqual(['fail', 'refuse', 'well']),
    PATIENT,
  );
  const { occurrence } = command('refuse');
  const refusal = { type: 'alarm.acknowledge', occurrence, error: 'the server refused it' };
  await vi.waitFor(() => expect(rig.hub.replies).toEqual([refusal]), PATIENT);
  await vi.waitFor(() => expect(rig.lines.join('')).toContain('nothing to acknowledge'));
});

describe('a write', () => {
  const write = (id: string, expiresAt: number): string =>
    JSON.stringify({
      ...{ id, type: 'tag.write', device: 'pump', tag: 'speed', value: 45, by: 'Ann', comment: '' },
      ...{ at: expiresAt - 5_000, expiresAt },
    });

  test('ends by the hub’s clock, whatever the gateway’s shows, and is replied to', async () => {
    const rig = await Rig.make();
    await rig.hello();
    // Before the hub has said what time it is, nothing can be known to be in time.
    rig.hub.say('command', write('early', Date.now() + 60_000));
    await vi.waitFor(() => expect(rig.writes).toMatchObject([{ leftMs: Number.NEGATIVE_INFINITY }]), PATIENT);

    rig.skew = 7 * 3_600_000;
    const hubNow = () => Date.now() - 86_400_000;
    rig.hub.answer({ seq: 0, at: hubNow() });
    // One that was long on its way says nothing new.
    rig.hub.answer({ seq: 0, at: hubNow() - 20_000 });
    rig.hub.say('command', write('soon', hubNow() + 5_000));
    rig.hub.say('command', write('late', hubNow() - 5_000));
    await vi.waitFor(() => expect(rig.writes).toHaveLength(3), PATIENT);
    const [, soon, late] = rig.writes;
    expect(soon!.leftMs).toBeGreaterThan(1_000);
    expect(soon!.leftMs).toBeLessThan(6_000);
    expect(late!.leftMs).toBeLessThan(-3_000);
    const outcome = { ok: true, old: 1, new: 2, at: 3, error: '' };
    await vi.waitFor(
      () =>
        expect(rig.hub.replies).toEqual(
          ['early', 'soon', 'late'].map((id) => ({ type: 'tag.write', outcome: { id, ...outcome } })),
        ),
      PATIENT,
    );

    // Another connection, perhaps to another hub.
    rig.hub.cut();
    await vi.waitFor(() => expect(rig.hub.hellos.length).toBeGreaterThan(1), PATIENT);
    rig.hub.say('command', write('again', hubNow() + 5_000));
    await vi.waitFor(() => expect(rig.writes.at(-1)).toMatchObject({ leftMs: Number.NEGATIVE_INFINITY }), PATIENT);
  });
});
