import { Quality } from '@lineside/shared/contracts/quality.ts';
import { DataType, StatusCodes } from 'node-opcua-client';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import type { OpcUaDevice } from '../../../../gateway/drivers/opcua/config.ts';
import { opcua } from '../../../../gateway/drivers/opcua/opcua.ts';
import type { OpcUaTestServer } from '../../../services/opcua-test-server.ts';
import { Program } from '../../../services/program.ts';
import { TcpCutter } from '../../../services/tcp-cutter.ts';
import { Collector, run } from '../collect.ts';
import { device, forgetSessions, intercept, serve, serverTurn, tag, wait } from './settings.ts';

/** What is promised: data within 30 s after the server is able again. */
const BACK = { timeout: 29_000, interval: 20 };

let context: Collector;
beforeEach(() => {
  context = new Collector();
});

/** A driver that has its first value, over a wire that can be cut. */
async function connected(settings: Partial<OpcUaDevice> = {}, options: Parameters<typeof serve>[1] = {}) {
  const server = await serve({ Speed: [DataType.Double, 1] }, options);
  const wire = await new TcpCutter(server.port).listen();
  onTestFinished(() => wire.close());
  const driver = run(
    opcua,
    device({ endpoint: `opc.tcp://127.0.0.1:${wire.port}`, ...settings }),
    [tag('Speed')],
    context,
  );
  await vi.waitFor(() => expect(driver.status().state).toBe('up'), wait);
  await vi.waitFor(() => expect(context.last(1)?.value).toBe(1), wait);
  return { server, wire, driver };
}

/** New values come, and what the tag says is what the server says. */
async function flows(server: OpcUaTestServer, value: number): Promise<void> {
  await vi.waitFor(() => {
    server.set('Speed', DataType.Double, value);
    expect(context.last(1)).toMatchObject({ value, quality: Quality.Good });
  }, BACK);
}

async function outage(wire: TcpCutter, meanwhile: () => void | Promise<void>): Promise<void> {
  wire.cut();
  await vi.waitFor(() => expect(context.last(1)?.quality).toBe(Quality.BadNoCommunication), wait);
  await meanwhile();
  wire.mend();
}

test('the session is lost, the subscription is not: it is taken over, with what the server has queued', async () => {
  const { server, wire, driver } = await connected();
  const created = count(server, 'CreateSubscription');
  Object.assign(server.raw.engine, { allowAnonymousSubscriptionTransferOnUnsecuredChannel: true });
  await outage(wire, async () => {
    forgetSessions(server, false);
    for (const value of [2, 3, 4]) {
      server.set('Speed', DataType.Double, value);
      await serverTurn();
    }
  });
  await vi.waitFor(() => expect(driver.status().state).toBe('up'), BACK);
  await flows(server, 5);
  expect(created.calls).toBe(0);
  expect(context.samples(1).map(({ value }) => value)).toEqual([1, null, 2, 3, 4, 5]);
});

test.each([
  ['TransferSubscriptions', StatusCodes.BadServiceUnsupported],
  ['TransferSubscriptions', StatusCodes.BadUserAccessDenied],
  ['Republish', StatusCodes.BadSubscriptionIdInvalid],
])('the session is lost and %s is refused with %s: a new subscription', async (service, status) => {
  const { server, wire, driver } = await connected();
  const created = count(server, 'CreateSubscription');
  intercept(server, service, () => status);
  await outage(wire, () => forgetSessions(server, false));
  await flows(server, 2);
  await vi.waitFor(() => expect(driver.status().state).toBe('up'), BACK);
  expect(created.calls).toBeGreaterThan(0);
});

test('the session and the subscription are lost: a new subscription, whatever its id', async () => {
  const { server, wire } = await connected();
  await outage(wire, () => forgetSessions(server, true));
  await flows(server, 2);
});

test.each([
  { what: 'comes again', kept: true },
  { what: 'is counted and told where the server does not have it any more', kept: false },
])('what the server sent into a cut wire after a sign of life $what', async ({ kept }) => {
  const { server, wire, driver } = await connected({ keepAliveCount: 3 });
  // Signs of life carry the number of the message to come, which must not be taken for one that has come.
  await new Promise((resolve) => setTimeout(resolve, 600));
  let asked = 0;
  intercept(server, 'Republish', () => (!kept && asked++ === 0 ? StatusCodes.BadMessageNotAvailable : undefined));
  wire.freeze();
  server.set('Speed', DataType.Double, 2);
  await vi.waitFor(() => expect(unacknowledged(server)).toBe(1), wait);
  await outage(wire, async () => {
    wire.thaw();
    for (const value of [3, 4]) {
      server.set('Speed', DataType.Double, value);
      await serverTurn();
    }
  });
  await vi.waitFor(() => expect(driver.status().state).toBe('up'), BACK);
  await flows(server, 5);
  const values = context.samples(1).map(({ value }) => value);
  if (kept) expect(values).toEqual([1, null, 2, 3, 4, 5]);
  else expect(values).not.toContain(2);
  const told = context.logLines.filter((line) => line.includes('messages with values were lost on the way'));
  expect(told).toHaveLength(kept ? 0 : 1);
  expect(driver.status().missed > 0).toBe(!kept);
});

test('BadMessageNotAvailable after a cut is no fault', async () => {
  const { server, wire } = await connected();
  const created = count(server, 'CreateSubscription');
  intercept(server, 'Republish', () => StatusCodes.BadMessageNotAvailable);
  await outage(wire, () => {});
  await flows(server, 2);
  expect(created.calls).toBe(0);
});

test('a subscription that the server forgets without a word is noticed by its silence', async () => {
  const { server, driver } = await connected({ silenceMs: 1000, keepAliveCount: 4 });
  let forgotten = true;
  intercept(server, 'CreateSubscription', () => {
    forgotten = false;
    return undefined;
  });
  intercept(server, 'Publish', () => (forgotten ? StatusCodes.BadNoSubscription : undefined));
  server.set('Speed', DataType.Double, 2);
  await vi.waitFor(() => expect(driver.status().state).toBe('down'), BACK);
  await flows(server, 3);
});

test('a subscription that is alive while its items are dead is noticed by the server’s clock', async () => {
  const { server, driver } = await connected({ silenceMs: 1000, keepAliveCount: 4 });
  const items = await vi.waitFor(() => {
    const found = subscriptionsOf(server).flatMap((one) => [...one.monitoredItems.keys()].map((id) => ({ one, id })));
    expect(found).toHaveLength(2);
    return found;
  }, wait);
  // Its clock has ticked.
  await new Promise((resolve) => setTimeout(resolve, 2500));
  expect(driver.status().state).toBe('up');
  for (const { one, id } of items) one.removeMonitoredItem(id);
  await vi.waitFor(
    () => expect(driver.status().reason).toContain('says that it is alive, and sends no values'),
    BACK,
  );
  await flows(server, 3);
});

test('no session left: the reason says so, and one is taken as soon as there is one', async () => {
  const { server, wire, driver } = await connected({ timeoutMs: 1000 });
  let full = true;
  intercept(server, 'CreateSession', () => (full ? StatusCodes.BadTooManySessions : undefined));
  await outage(wire, () => forgetSessions(server, true));
  // It is not left to the client's own repair, whose reason may be there for a moment only.
  await vi.waitFor(() => expect(driver.status().reason).toContain('the server has no session left'), wait);
  full = false;
  await flows(server, 2);
});

test('a frozen server: Bad by the silence of its data, and Good again when it goes on', async () => {
  const program = new Program({
    name: 'OPC UA server',
    args: ['test/services/opcua-server-program.ts'],
    ready: ({ endpoint }) => typeof endpoint === 'string',
  });
  onTestFinished(() => program.stop());
  const { endpoint } = (await program.start()) as { endpoint: string };
  const settings = { endpoint, silenceMs: 1000, keepAliveCount: 4, timeoutMs: 1000 };
  const driver = run(opcua, device(settings), [tag('Counter')], context);
  await vi.waitFor(() => expect(context.samples(1).length).toBeGreaterThan(3), wait);
  process.kill(program.pid, 'SIGSTOP');
  try {
    await vi.waitFor(() => expect(context.last(1)?.quality).toBe(Quality.BadNoCommunication), wait);
    await new Promise((resolve) => setTimeout(resolve, 2500));
  } finally {
    process.kill(program.pid, 'SIGCONT');
  }
  const before = context.frames.length;
  await vi.waitFor(() => expect(driver.status().state).toBe('up'), BACK);
  await vi.waitFor(() => expect(context.frames.length).toBeGreaterThan(before + 5), BACK);
  const values = context.samples(1).flatMap(({ value }) => (value === null ? [] : [Number(value)]));
  expect(values).toEqual([...values].sort((a, b) => a - b));
});

/** How often the server is asked for a service. */
function count(server: OpcUaTestServer, service: string): { calls: number } {
  const counted = { calls: 0 };
  intercept(server, service, () => {
    counted.calls++;
    return undefined;
  });
  return counted;
}

/** Messages with values that the server has sent and keeps until it is told that they have come. */
function unacknowledged(server: OpcUaTestServer): number {
  return subscriptionsOf(server).reduce((sum, one) => sum + one.unacknowledgedMessageCount, 0);
}

interface ServerSubscription {
  unacknowledgedMessageCount: number;
  monitoredItems: Map<number, unknown>;
  removeMonitoredItem(id: number): unknown;
}

function subscriptionsOf(server: OpcUaTestServer): ServerSubscription[] {
  const { _sessions } = server.raw.engine as unknown as {
    _sessions: Record<string, { publishEngine: { subscriptions: ServerSubscription[] } }>;
  };
  return Object.values(_sessions).flatMap(({ publishEngine }) => publishEngine.subscriptions);
}
