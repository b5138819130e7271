import type { ConditionNews, ConditionState } from '@lineside/shared/contracts/condition.ts';
import { Quality } from '@lineside/shared/contracts/quality.ts';
import { StatusCodes } from 'node-opcua-client';
import { Value } from 'typebox/value';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { browseServer } from '../../../../gateway/drivers/opcua/browse-server.ts';
import { ConditionsConfig } from '../../../../gateway/drivers/opcua/conditions-config.ts';
import { opcua } from '../../../../gateway/drivers/opcua/opcua.ts';
import { AsyncuaServer } from '../../../services/asyncua.ts';
import { freePorts } from '../../../services/free-ports.ts';
import { TEST_NAMESPACE } from '../../../services/opcua-test-server.ts';
import { pythonOf } from '../../../services/python-peers.ts';
import { Collector, run } from '../collect.ts';
import { device, tag } from './settings.ts';

const python = pythonOf('asyncua');
const wait = { timeout: 29_000, interval: 20 };

async function serve(port: number, before: string[] = []): Promise<AsyncuaServer> {
  const server = await AsyncuaServer.start(python!, port, TEST_NAMESPACE, before);
  onTestFinished(() => server.kill());
  return server;
}

describe.skipIf(!python)('asyncua (needs test/services/install-python-peers.sh)', () => {
  test('subscribe: values, a Bad without a value, refused nodes, a restart with other indexes, a freeze', async () => {
    const context = new Collector();
    const [port] = await freePorts(1);
    const first = await serve(port!);
    const settings = { endpoint: first.endpoint, namespaces: { m: TEST_NAMESPACE }, silenceMs: 2000 };
    const driver = run(
      opcua,
      device({ ...settings, keepAliveCount: 4 }),
      [
        tag('Speed'),
        { browsePath: '/Objects/m:Machine/m:Level', type: 'float64' },
        tag('Count', 'integer'),
        tag('No'),
      ],
      context,
    );
    await vi.waitFor(() => expect(context.last(2)?.value).toBe(1), wait);
    expect(context.last(3)?.value).toBe(1);
    await vi.waitFor(() => expect(driver.status().state).toBe('up'), wait);
    expect(driver.status().reason).toBe('3 of 4 tags; 1 refused: 1 BadNodeIdUnknown');
    expect(context.last(4)?.quality).toBe(StatusCodes.BadNodeIdUnknown.value);

    for (const line of ['set Speed 2', 'bad Speed', 'set Speed 3', 'bare Level 4']) {
      first.tell(line);
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    await vi.waitFor(() => expect(context.last(1)?.value).toBe(3), wait);
    expect(context.samples(1).map(({ value, quality }) => [value, quality])).toEqual([
      [1, 0],
      [2, 0],
      [null, Quality.BadSensorFailure],
      [3, 0],
    ]);
    await vi.waitFor(() => expect(context.last(2)?.value).toBe(4), wait);
    expect(Math.abs(context.last(2)!.at - Date.now())).toBeLessThan(60_000);

    // A new server, that counts its subscriptions from the same number.
    await first.kill();
    await vi.waitFor(() => expect(context.last(1)?.quality).toBe(Quality.BadNoCommunication), wait);
    const second = await serve(port!, ['urn:moved:in', 'urn:and:another']);
    await vi.waitFor(() => expect(context.last(1)).toMatchObject({ value: 1, quality: 0 }), wait);
    second.tell('set Level 7');
    await vi.waitFor(() => expect(context.last(2)?.value).toBe(7), wait);

    second.freeze();
    await vi.waitFor(() => expect(context.last(1)?.quality).toBe(Quality.BadNoCommunication), wait);
    second.thaw();
    second.tell('set Speed 8');
    await vi.waitFor(() => expect(context.last(1)?.value).toBe(8), wait);
  }, 60_000);

  test('history: all of it, although this server cuts an answer at the wanted number and does not say so', async () => {
    const context = new Collector();
    context.pasts = new Map();
    const [port] = await freePorts(1);
    const server = await serve(port!);
    server.tell('historize Speed');
    const history = { maxGapHours: 1, valuesPerRequest: 10, requestsPerSecond: 50, settleMs: 0 };
    const begin = () =>
      run(opcua, device({ endpoint: server.endpoint, history }), [tag('Speed'), tag('Level')], context);
    const first = begin();
    await vi.waitFor(() => expect(context.pasts!.size).toBe(1), wait);
    await vi.waitFor(() => expect(context.last(1)?.value).toBe(1), wait);
    await first.stop();
    const values = Array.from({ length: 35 }, (_, i) => i + 2);
    for (const value of values) server.tell(`set Speed ${value}`);
    // Most of them are there by then; the others come live.
    await new Promise((resolve) => setTimeout(resolve, 300));
    begin();
    await vi.waitFor(() => expect(new Set(context.samples(1).map(({ value }) => value)).size).toBe(36), wait);
    const came = context.samples(1).toSorted((a, b) => a.at - b.at);
    expect(came.map(({ value }) => value).filter((value) => value !== 1)).toEqual(values);
    expect(context.frames.some(({ historical }) => historical)).toBe(true);
  }, 60_000);

  test('alarms, though its filter knows no types below the one that is asked for', async () => {
    const [port] = await freePorts(1);
    const server = await serve(port!);
    const conditions = Value.Parse(ConditionsConfig, Value.Default(ConditionsConfig, {}));
    const states: ConditionState[] = [];
    let accounts = 0;
    const context = Object.assign(new Collector(), {
      onConditions(news: ConditionNews) {
        states.push(...news.states);
        if (news.all) accounts++;
      },
    });
    run(opcua, device({ endpoint: server.endpoint, conditions }), [tag('Speed')], context);
    await vi.waitFor(() => expect(accounts).toBe(1), wait);
    server.tell('alarm High active retain');
    await vi.waitFor(() => expect(states).toHaveLength(1), wait);
    expect(states[0]).toMatchObject({
      ...{ condition: `nsu=${TEST_NAMESPACE};s=High`, source: 'Machine', name: 'High', message: 'High is so' },
      ...{ severity: 700, priority: 'high', active: true, acked: false, retain: true },
    });
    server.tell('alarm High active acked retain');
    server.tell('alarm High acked');
    await vi.waitFor(() => expect(states).toHaveLength(3), wait);
    expect(states.map(({ active, acked, retain }) => [active, acked, retain]).slice(1)).toEqual([
      [true, true, true],
      [false, true, false],
    ]);
  }, 60_000);

  test('poll, write, and browse', async () => {
    const context = new Collector();
    const [port] = await freePorts(1);
    const server = await serve(port!);
    const settings = device({ endpoint: server.endpoint, mode: 'poll', pollMs: 100 });
    const driver = run(opcua, settings, [tag('Speed'), tag('No'), tag('Level'), tag('Count', 'integer')], context);
    await vi.waitFor(() => expect(context.last(1)?.value).toBe(1), wait);
    server.tell('set Speed 2');
    await vi.waitFor(() => expect(context.last(1)?.value).toBe(2), wait);
    expect(context.last(2)?.quality).toBe(StatusCodes.BadNodeIdUnknown.value);
    expect(context.samples(1).map(({ value }) => value)).toEqual([1, 2]);

    expect(await driver.write!(1, 3.5)).toEqual({ ok: true, old: 2, new: 3.5, error: '' });
    expect(await driver.write!(4, 9)).toEqual({ ok: true, old: 1, new: 9, error: '' });
    expect((await driver.write!(3, 9)).error).toContain('the node can only be read');
    await vi.waitFor(() => expect(context.last(1)?.value).toBe(3.5), wait);

    const security = { dataDir: context.dataDir, now: Date.now, resolvePath: (path: string) => path, warn: () => {} };
    const wish = { id: 'x', include: [], exclude: [], maxTags: 100, maxDepth: 9, progress: () => {} };
    const { yaml, tags } = await browseServer(settings, security, wish);
    expect(tags).toBe(3);
    expect(yaml).toContain(`- { name: "Count", nodeId: "nsu=${TEST_NAMESPACE};s=Count", type: integer }`);
  }, 60_000);
});
