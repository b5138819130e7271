import type { Frame } from '@lineside/shared/contracts/frame.ts';
import { isGood, Quality } from '@lineside/shared/contracts/quality.ts';
import { DataType, StatusCodes } from 'node-opcua-client';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import type { OpcUaDevice } from '../../../../gateway/drivers/opcua/config.ts';
import { opcua } from '../../../../gateway/drivers/opcua/opcua.ts';
import type { OpcUaTestServer } from '../../../services/opcua-test-server.ts';
import { TcpCutter } from '../../../services/tcp-cutter.ts';
import { Collector, run, type Sample } from '../collect.ts';
import { device, forgetSessions, intercept, serve, tag, wait } from './settings.ts';

const QUICKLY = { maxGapHours: 24, valuesPerRequest: 10, requestsPerSecond: 100, settleMs: 0 };

let context: Collector;
beforeEach(() => {
  context = new Collector();
  context.pasts = new Map();
});

/** What the source had, by tag. */
class Truth {
  readonly #server: OpcUaTestServer;
  readonly #names: string[];
  readonly #had = new Map<string, { at: number; value: number | null; quality: number }[]>();
  #at = Date.now() - 60_000;
  #next = 1;

  constructor(server: OpcUaTestServer, names: string[]) {
    this.#server = server;
    this.#names = names;
  }

  /** So many new values of each tag, every seventh of them a Bad one unless all are to be good. */
  go(times: number, good = false): void {
    for (let i = 0; i < times; i++) {
      this.#at += 10;
      const bad = ++this.#next % 7 === 0 && !good;
      for (const name of this.#names) {
        const value = bad ? null : this.#next;
        if (bad) this.#server.fail(name, StatusCodes.BadSensorFailure, new Date(this.#at));
        else this.#server.set(name, DataType.Double, value, new Date(this.#at));
        const had = this.#had.get(name) ?? [];
        had.push({ at: this.#at, value, quality: bad ? Quality.BadSensorFailure : Quality.Good });
        this.#had.set(name, had);
      }
    }
  }

  /** Everything has come, each value once, and what came as history by time. */
  expectAll(): void {
    this.#names.forEach((name, i) => {
      const had = this.#had.get(name)!;
      const times = new Set(had.map(({ at }) => at));
      const came = context.samples(i + 1).filter(({ at }) => times.has(at));
      expect(came.map(plain).sort((a, b) => a.at - b.at)).toEqual(had);
      const past = historical().flatMap((frame) => frame.sourceAt.filter((_, at) => frame.tags[at] === i + 1));
      expect(past).toEqual(past.toSorted((a, b) => a - b));
    });
  }
}

/** Without the word that the queue has overflowed before it. */
function plain({ at, value, quality }: Sample) {
  return { at, value, quality: isGood(quality) ? Quality.Good : quality };
}

function historical(): Frame[] {
  return context.frames.filter((frame) => frame.historical);
}

/** How many values came as history. */
function readBack(): number {
  return historical().reduce((sum, { tags }) => sum + tags.length, 0);
}

async function setUp(settings: Partial<OpcUaDevice> = {}, historized = ['Speed', 'Level']) {
  const names = ['Speed', 'Level'];
  const server = await serve({ Speed: [DataType.Double, 0], Level: [DataType.Double, 0] });
  const truth = new Truth(server, names);
  truth.go(1);
  for (const name of historized) server.historize(name);
  const wire = await new TcpCutter(server.port).listen();
  onTestFinished(() => wire.close());
  const begin = () =>
    run(
      opcua,
      device({ endpoint: `opc.tcp://127.0.0.1:${wire.port}`, history: QUICKLY, ...settings }),
      names.map((name) => tag(name)),
      context,
    );
  const driver = begin();
  await vi.waitFor(() => expect(context.last(2)?.value).toBe(2), wait);
  await vi.waitFor(() => expect(driver.status().state).toBe('up'), wait);
  const expected = settings.history === 'off' ? 0 : historized.length;
  await vi.waitFor(() => expect(context.pasts!.size).toBe(expected), wait);
  return { server, truth, wire, driver, begin };
}

/** The server forgets the subscription and all that it has queued. */
async function outage(server: OpcUaTestServer, wire: TcpCutter, meanwhile: () => void): Promise<void> {
  wire.cut();
  await vi.waitFor(() => expect(context.last(1)?.quality).toBe(Quality.BadNoCommunication), wait);
  forgetSessions(server, true);
  meanwhile();
  wire.mend();
}

/** Continuation points that the server keeps. */
function kept(server: OpcUaTestServer): number {
  const { _sessions } = server.raw.engine as unknown as {
    _sessions: Record<string, { continuationPointManager: { hasReachMaximum?: unknown } }>;
  };
  return Object.values(_sessions).reduce((sum, { continuationPointManager }) => {
    const maps = Object.values(continuationPointManager).filter((one) => one instanceof Map) as Map<
      unknown,
      unknown
    >[];
    return sum + maps.reduce((all, { size }) => all + size, 0);
  }, 0);
}

test('what an outage took comes from the history: page by page, by time, once, Bad values included', async () => {
  const { server, truth, wire } = await setUp();
  await outage(server, wire, () => truth.go(40));
  // The last one is the present, of each tag.
  await vi.waitFor(() => expect(readBack()).toBe(78), wait);
  truth.expectAll();
  expect(historical().length).toBeGreaterThan(4);
  await vi.waitFor(
    () => expect(context.logLines.join()).toContain('read back 78 values of 2 tags from its history'),
    wait,
  );
  expect(kept(server)).toBe(0);
});

test('what the server queued itself does not come twice', async () => {
  const { truth, wire } = await setUp();
  wire.cut();
  await vi.waitFor(() => expect(context.last(1)?.quality).toBe(Quality.BadNoCommunication), wait);
  for (let i = 0; i < 5; i++) {
    truth.go(1);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  wire.mend();
  await vi.waitFor(() => truth.expectAll(), wait);
  truth.go(1);
  await vi.waitFor(() => truth.expectAll(), wait);
  expect(readBack()).toBe(0);
});

test('what came while the gateway was down is read back, and a second restart reads nothing twice', async () => {
  const { truth, driver, begin } = await setUp();
  await driver.stop();
  truth.go(30);
  const second = begin();
  await vi.waitFor(() => expect(readBack()).toBe(58), wait);
  await second.stop();
  begin();
  truth.go(1);
  await vi.waitFor(() => truth.expectAll(), wait);
  expect(readBack()).toBe(58);
});

test('another outage in the middle: it goes on where it was', async () => {
  const { server, truth, wire } = await setUp({ history: { ...QUICKLY, requestsPerSecond: 8 } });
  await outage(server, wire, () => truth.go(40));
  await vi.waitFor(() => expect(historical().length).toBeGreaterThan(1), wait);
  await outage(server, wire, () => truth.go(20));
  expect(readBack()).toBeLessThan(78);
  await vi.waitFor(() => truth.expectAll(), wait);
  expect(readBack()).toBe(116);
});

test('a stop in the middle: the next start goes on where it was', async () => {
  const { server, truth, wire, driver, begin } = await setUp({ history: { ...QUICKLY, requestsPerSecond: 8 } });
  await outage(server, wire, () => truth.go(40));
  await vi.waitFor(() => expect(historical().length).toBeGreaterThan(1), wait);
  await driver.stop();
  const before = context.frames.length;
  truth.go(5);
  begin();
  await vi.waitFor(() => truth.expectAll(), wait);
  expect(context.frames.length).toBeGreaterThan(before);
});

test('of an outage that was too long the newest part is read, and that is told', async () => {
  const { truth, driver, begin } = await setUp({ history: { ...QUICKLY, maxGapHours: 1 } });
  await driver.stop();
  const hours = 3_600_000;
  for (const past of context.pasts!.values()) past.at -= 3 * hours;
  truth.go(5);
  begin();
  // What was delivered before the stop is within the last hour, and is believed to be missing.
  await vi.waitFor(() => expect(readBack()).toBe(10), wait);
  expect(context.logLines.join()).toContain('of its history the last 1 h are read (maxGapHours)');
});

test('what overflowed in the queue of the server is read back', async () => {
  const { truth } = await setUp({ queueSize: 3, publishingMs: 500 });
  for (let i = 0; i < 12; i++) {
    truth.go(1, true);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await vi.waitFor(() => expect(readBack()).toBeGreaterThan(8), wait);
  await vi.waitFor(() => truth.expectAll(), wait);
});

test.each([
  { what: 'no node has a history', historized: [], settings: {} },
  { what: 'history is off', historized: ['Speed', 'Level'], settings: { history: 'off' as const } },
])('$what: nothing is asked for', async ({ historized, settings }) => {
  const { server, truth, driver, begin } = await setUp(settings, historized);
  let asked = 0;
  intercept(server, 'HistoryRead', () => {
    asked++;
    return undefined;
  });
  await driver.stop();
  truth.go(3, true);
  begin();
  await vi.waitFor(() => expect(context.last(2)?.value).toBe(5), wait);
  truth.go(1, true);
  await vi.waitFor(() => expect(context.last(2)?.value).toBe(6), wait);
  expect(asked).toBe(0);
  expect(historical()).toEqual([]);
  expect(context.pasts!.size).toBe(0);
});

test.each([
  { status: StatusCodes.BadHistoryOperationUnsupported, told: 'the server gives no history (BadHistoryOperation' },
  { status: StatusCodes.BadServerTooBusy, told: null },
  { status: StatusCodes.BadTooManyOperations, told: null },
])('a request that is refused with $status.name', async ({ status, told }) => {
  const { server, truth, driver, begin } = await setUp();
  let refused = 0;
  intercept(server, 'HistoryRead', () => (refused++ === 0 ? status : undefined));
  await driver.stop();
  truth.go(10);
  begin();
  if (told === null) {
    await vi.waitFor(() => truth.expectAll(), wait);
    return;
  }
  await vi.waitFor(() => expect(context.logLines.join()).toContain(told), wait);
  expect(readBack()).toBe(0);
  expect(context.pasts!.size).toBe(0);
});
