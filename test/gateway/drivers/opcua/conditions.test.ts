import type { ConditionNews } from '@lineside/shared/contracts/condition.ts';
import { DataType, StatusCodes } from 'node-opcua-client';
import { Value } from 'typebox/value';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { ConditionsConfig } from '../../../../gateway/drivers/opcua/conditions-config.ts';
import { opcua } from '../../../../gateway/drivers/opcua/opcua.ts';
import { ServerAlarm, withAlarms } from '../../../services/opcua-alarms.ts';
import { TcpCutter } from '../../../services/tcp-cutter.ts';
import { Collector, run } from '../collect.ts';
import { device, serve, tag, wait } from './settings.ts';

class Hearer extends Collector {
  readonly news: ConditionNews[] = [];

  onConditions(news: ConditionNews): void {
    this.news.push(news);
  }

  get states(): string[] {
    return this.news.flatMap(({ states }) => states.map(({ name, message }) => `${name} ${message}`));
  }

  get accounts(): number {
    return this.news.filter(({ all }) => all).length;
  }
}

let context: Hearer;
beforeEach(() => {
  context = new Hearer();
});

const asked = (settings: Partial<ConditionsConfig> = {}) =>
  ({ conditions: Value.Parse(ConditionsConfig, Value.Default(ConditionsConfig, settings)) }) as const;
const key = (name: string) => `nsu=urn:lineside:test:machine;s=Motor.${name}`;
const warnings = () => context.logLines.map((line) => JSON.parse(line)).filter(({ level }) => level >= 40);

test('a refused answer is told in words, and where the server knows better it is asked for an account', async () => {
  const server = await serve({});
  withAlarms(server);
  const alarm = new ServerAlarm(server, 'Hot').raise('hot');
  const driver = run(opcua, device({ endpoint: server.endpoint, ...asked() }), [], context);
  await vi.waitFor(() => expect(context.accounts).toBe(1), wait);
  expect([...context.news.at(-1)!.all!]).toEqual([key('Hot')]);
  for (const [status, again, says, accounts] of [
    [StatusCodes.BadUserAccessDenied, false, 'this user may not acknowledge', 1],
    [StatusCodes.BadConditionBranchAlreadyAcked, false, 'it has been acknowledged there already', 2],
    [StatusCodes.BadEventIdUnknown, true, 'it has changed meanwhile', 3],
  ] as const) {
    alarm.refuse(status);
    const result = await driver.acknowledge!(key('Hot'), 'x');
    expect(result).toEqual({ ok: false, error: expect.stringContaining(says), again });
    expect(result.error).toContain(status.name);
    await vi.waitFor(() => expect(context.accounts).toBe(accounts), wait);
  }
  expect(await driver.acknowledge!(key('Unknown'), 'x')).toMatchObject({ ok: false, again: true });
});

test('lost events, and a cut, end in a full account', async () => {
  const server = await serve({});
  withAlarms(server);
  const cutter = await new TcpCutter(server.port).listen();
  onTestFinished(() => cutter.close());
  const alarms = Array.from({ length: 8 }, (_, i) => new ServerAlarm(server, `A${i}`));
  const settings = device({ endpoint: `opc.tcp://127.0.0.1:${cutter.port}`, ...asked({ queueSize: 100 }) });
  run(opcua, settings, [], context);
  await vi.waitFor(() => expect(context.accounts).toBe(1), wait);
  for (const alarm of alarms.slice(0, 2)) alarm.raise('one');
  await vi.waitFor(() => expect(context.states).toEqual(['A0 one', 'A1 one']), wait);
  cutter.cut();
  alarms[2]!.raise('while cut');
  cutter.mend();
  await vi.waitFor(() => expect(context.states).toContain('A2 while cut'), wait);
  await vi.waitFor(() => expect(context.accounts).toBeGreaterThan(1), wait);

  const before = context.accounts;
  // The server keeps at least 100.
  for (let i = 1; i <= 14; i++) for (const alarm of alarms) alarm.raise(`storm ${i}`);
  await vi.waitFor(() => expect(context.accounts).toBeGreaterThan(before), wait);
  expect(context.news.at(-1)!.all!.size).toBe(8);
  expect(context.states.slice(-1)[0]).toContain('storm 14');
});

test('a server without conditions, or with another notifier, gives its values all the same, and says so once', async () => {
  const server = await serve({ Speed: [DataType.Double, 1] });
  const none = run(opcua, device({ endpoint: server.endpoint, ...asked() }), [tag('Speed')], context);
  await vi.waitFor(() => expect(context.last(1)?.value).toBe(1), wait);
  await vi.waitFor(() => expect(none.status().state).toBe('up'), wait);
  expect(warnings().map(({ msg }) => msg)).toEqual([
    expect.stringContaining('the server gives no account of its alarms (Bad'),
  ]);
  const other = new Hearer();
  const elsewhere = device({ endpoint: server.endpoint, ...asked({ notifier: 'ns=1;s=Nowhere' }) });
  const driver = run(opcua, elsewhere, [tag('Speed')], other);
  await vi.waitFor(() => expect(driver.status().state).toBe('up'), wait);
  expect(other.logLines.join('')).toContain('the server gives no alarms (BadNodeIdUnknown)');
  expect(await driver.acknowledge!('x', '')).toMatchObject({ ok: false });
});
