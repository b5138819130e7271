/** Alarms that live in an OPC UA server, from its events to the gateway's alarms and back, over the wire. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Progress } from '@lineside/shared/lifecycle/progress.ts';
import { Unwind } from '@lineside/shared/lifecycle/unwind.ts';
import { pino } from 'pino';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { loadConfig } from '../../gateway/config/load-config.ts';
import { Pipeline } from '../../gateway/pipeline.ts';
import { freePorts } from '../services/free-ports.ts';
import { ServerAlarm, withAlarms } from '../services/opcua-alarms.ts';
import { OpcUaTestServer } from '../services/opcua-test-server.ts';
import { tempDir } from '../services/temp-dir.ts';
import { PATIENT } from './gateway-process.ts';

async function serve(port: number): Promise<OpcUaTestServer> {
  const server = await new OpcUaTestServer({ port }).start({});
  onTestFinished(() => server.stop());
  withAlarms(server);
  return server;
}

class Rig {
  readonly lines: string[] = [];
  readonly #dir: string;
  readonly #unwind = new Unwind();
  readonly #log = pino({ level: 'debug' }, { write: (line: string) => void this.lines.push(line) });
  readonly pipeline: Pipeline;

  private constructor(dir: string) {
    this.#dir = dir;
    this.pipeline = new Pipeline({
      config: loadConfig(join(dir, 'gateway.yaml')),
      dataDir: join(this.#dir, 'data'),
      version: '0',
      log: this.#log,
      now: Date.now,
      progress: new Progress({ log: this.#log }),
    });
  }

  static async start(dir: string, port: number, conditions = '{}'): Promise<Rig> {
    await writeFile(join(dir, 'password'), 'secret\n');
    await writeFile(
      join(dir, 'gateway.yaml'),
      `gateway: { id: gw-1 }
hub: { url: "mqtt://127.0.0.1:1", passwordFile: password }
devices:
  - { id: packer, driver: opcua, endpoint: "opc.tcp://127.0.0.1:${port}", publishingMs: 50, retryMinMs: 100, retryMaxMs: 200, conditions: ${conditions}, tags: [{ name: state, nodeId: i=2259 }] }
`,
    );
    const rig = new Rig(dir);
    onTestFinished(async () => void (await rig.stop()));
    await rig.pipeline.start(rig.#unwind);
    return rig;
  }

  async stop(): Promise<void> {
    await this.#unwind.unwind(this.#log, 5_000);
  }

  get device() {
    return this.pipeline.status().devices[0]!;
  }

  /** Name and state of those that are not normal. */
  get active(): string[] {
    return this.pipeline.alarms.active().map(({ rule, state }) => `${rule.split('/').at(-1)} ${state}`);
  }

  /** All that happened, oldest first. */
  get said(): string[] {
    return this.pipeline.alarms
      .recent()
      .reverse()
      .map(({ rule, transition, state }) => `${rule.split('/').at(-1)} ${transition} → ${state}`);
  }

  occurrence(name: string): string {
    return this.pipeline.alarms.active().find(({ rule }) => rule.endsWith(`/${name}`))!.id;
  }

  until(active: string[]): Promise<void> {
    return vi.waitFor(() => expect(this.active).toEqual(active), PATIENT);
  }
}

describe('an alarm of the server', { timeout: 60_000 }, () => {
  test('is here as it is there: raised, acknowledged from either side, over; what is left out is left out', async () => {
    const [port] = await freePorts(1);
    const server = await serve(port!);
    const hot = new ServerAlarm(server, 'Hot', 600).raise('too hot');
    const jam = new ServerAlarm(server, 'Jam', 900);
    new ServerAlarm(server, 'Whisper', 100).raise('not worth it');
    new ServerAlarm(server, 'DoorOpen', 900).raise('a door');
    const rig = await Rig.start(await tempDir(), port!, '{ minSeverity: 200, exclude: ["Motor/Door*"] }');
    await rig.until(['Hot unacknowledged']);
    expect(rig.pipeline.alarms.active()[0]).toMatchObject({
      ...{ device: 'packer', rule: 'condition:packer/Motor/Hot', message: 'Motor: too hot', priority: 'high' },
      ...{ inDevice: true, value: null, limit: null },
    });

    jam.raise('jammed');
    await rig.until(['Jam unacknowledged', 'Hot unacknowledged']);

    // From here: the server is told, and what it says then counts.
    await rig.pipeline.alarms.acknowledge(rig.occurrence('Hot'), 'Ann', 'fan started');
    await rig.until(['Jam unacknowledged', 'Hot acknowledged']);
    expect(hot.condition.currentBranch().getComment().text).toBe('fan started (Ann)');
    expect(rig.pipeline.alarms.recent()[0]).toMatchObject({ by: 'Ann', comment: 'fan started' });
    await expect(rig.pipeline.alarms.acknowledge(rig.occurrence('Hot'), 'Bo', '')).rejects.toThrow(
      'over or has been acknowledged already',
    );

    // From there.
    jam.acknowledge('I see it');
    await rig.until(['Jam acknowledged', 'Hot acknowledged']);
    expect(rig.pipeline.alarms.recent()[0]).toMatchObject({ comment: 'I see it' });
    jam.calm();
    hot.calm();
    await rig.until([]);
    expect(rig.said).toEqual([
      'Hot raised → unacknowledged',
      'Jam raised → unacknowledged',
      'Hot acknowledged → acknowledged',
      'Jam acknowledged → acknowledged',
      'Jam returned → normal',
      'Hot returned → normal',
    ]);

    // Over before anybody answered: kept by some servers as a former state, which is the same occurrence here.
    hot.raise('again');
    await rig.until(['Hot unacknowledged']);
    const occurrence = rig.occurrence('Hot');
    hot.condition.signalNewCondition(null, false, '');
    await rig.until(['Hot returned']);
    hot.raise('and again', 800);
    await rig.until(['Hot unacknowledged', 'Hot returned']);
    await rig.pipeline.alarms.acknowledge(occurrence, 'Ann', '');
    await rig.until(['Hot unacknowledged']);
    expect(rig.occurrence('Hot')).not.toBe(occurrence);
  });

  test('outlives a restart of both sides; one that has vanished meanwhile is over; a lasting answer is sent later', async () => {
    const [port] = await freePorts(1);
    const dir = await tempDir();
    const first = await serve(port!);
    for (const name of ['Hot', 'Jam']) new ServerAlarm(first, name).raise(name);
    const before = await Rig.start(dir, port!);
    await before.until(['Jam unacknowledged', 'Hot unacknowledged']);
    const jam = before.occurrence('Jam');
    await before.stop();
    await first.stop();

    // The device is down: what was known is shown, and nobody pretends that an answer has reached it.
    const rig = await Rig.start(dir, port!);
    expect(rig.active).toEqual(['Jam unacknowledged', 'Hot unacknowledged']);
    await vi.waitFor(() => expect(rig.device.state).toBe('down'), PATIENT);
    await expect(rig.pipeline.alarms.acknowledge(jam, 'Ann', '')).rejects.toMatchObject({
      code: 'ALARM_REFUSED',
      message: expect.stringContaining('it was not acknowledged: device "packer" does not answer: cannot reach'),
    });
    await expect(rig.pipeline.alarms.acknowledge(jam, 'Hubert', 'go on', Date.now(), true)).rejects.toThrow();

    const second = await serve(port!);
    const again = new ServerAlarm(second, 'Jam').raise('Jam');
    new ServerAlarm(second, 'Cold').raise('Cold');
    await rig.until(['Cold unacknowledged', 'Jam acknowledged']);
    expect(rig.occurrence('Jam')).toBe(jam);
    expect(again.condition.currentBranch().getComment().text).toBe('go on (Hubert)');
    expect(rig.said.filter((line) => line.startsWith('Hot'))).toEqual([
      'Hot raised → unacknowledged',
      'Hot returned → normal',
    ]);
    expect(rig.said.filter((line) => line.startsWith('Jam'))).toEqual([
      'Jam raised → unacknowledged',
      'Jam acknowledged → acknowledged',
    ]);
    await rig.stop();

    // Nobody asks for them any more.
    const off = await Rig.start(dir, port!, '{ enabled: false }');
    expect(off.active).toEqual([]);
    expect(off.said.slice(-2).sort()).toEqual(['Cold returned → normal', 'Jam returned → normal']);
  });
});
