import { createServer } from 'node:net';
import { Quality } from '@lineside/shared/contracts/quality.ts';
import { DataType, StatusCodes } from 'node-opcua-client';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { opcua } from '../../../../gateway/drivers/opcua/opcua.ts';
import { TEST_NAMESPACE } from '../../../services/opcua-test-server.ts';
import { TcpCutter } from '../../../services/tcp-cutter.ts';
import { Collector, run } from '../collect.ts';
import { device, serve, serverTurn, tag, wait } from './settings.ts';

let context: Collector;
beforeEach(() => {
  context = new Collector();
});

describe('values', () => {
  test('every value comes in order, with its source time and its quality', async () => {
    const server = await serve({ Speed: [DataType.Double, 0], Still: [DataType.Double, 7] });
    const driver = run(opcua, device({ endpoint: server.endpoint }), [tag('Speed'), tag('Still')], context);
    await vi.waitFor(() => expect(context.last(2)?.value).toBe(7), wait);
    const from = Date.now() - 60_000;
    const expected: { value: number | null; at: number; quality: number }[] = [];
    for (let i = 1; i <= 30; i++) {
      const bad = i === 11;
      const at = from + i * 100;
      if (bad) server.fail('Speed', StatusCodes.BadSensorFailure, new Date(at));
      else server.set('Speed', DataType.Double, i / 4, new Date(at));
      expected.push({ value: bad ? null : i / 4, at, quality: bad ? Quality.BadSensorFailure : Quality.Good });
      await serverTurn();
    }
    await vi.waitFor(() => expect(context.last(1)?.value).toBe(7.5), wait);
    const got = context.samples(1).slice(1);
    expect(got.map(({ value, at, quality }) => ({ value, at, quality }))).toEqual(expected);
    // Several samples travel in one publish response, and so in one frame.
    expect(context.frames.length).toBeLessThan(expected.length);
    expect(context.statuses.map((status) => status.state)).toEqual(['up']);
    expect(driver.status()).toMatchObject({ state: 'up', reason: '', driver: 'opcua', missed: 0 });
    expect(driver.status().requests).toBeGreaterThan(5);
  });

  test('all types of value', async () => {
    const server = await serve({
      Int64: [DataType.Int64, [0xffffffff, 0xfffffffe]],
      Huge: [DataType.UInt64, [0x00200000, 1]],
      Counter: [DataType.UInt32, 4_000_000_000],
      Flag: [DataType.Boolean, true],
      Text: [DataType.String, 'läuft'],
      NoNumber: [DataType.Double, Number.NaN],
    });
    run(
      opcua,
      device({ endpoint: server.endpoint }),
      [
        tag('Int64', 'integer'),
        tag('Huge', 'integer'),
        tag('Counter', 'integer'),
        tag('Flag', 'boolean'),
        tag('Text', 'string'),
        tag('NoNumber'),
      ],
      context,
    );
    await vi.waitFor(() => expect(context.samples(6)).toHaveLength(1), wait);
    const got = [1, 2, 3, 4, 5, 6].map((id) => context.last(id)!);
    expect(got.map((sample) => sample.value)).toEqual([-2, null, 4_000_000_000, true, 'läuft', null]);
    expect(got[1]!.quality).toBe(Quality.BadOutOfRange);
    expect(got[5]!.quality).toBe(Quality.BadSensorFailure);
  });

  test('a node that is not there, a namespace that is not there and a type that does not fit are Bad, the rest is not', async () => {
    const server = await serve({ Speed: [DataType.Double, 3], Text: [DataType.String, 'x'] });
    run(
      opcua,
      device({ endpoint: server.endpoint, namespaces: { machine: TEST_NAMESPACE } }),
      [
        tag('Missing'),
        { nodeId: 'nsu=machine;s=Speed', type: 'float64' },
        { nodeId: 'nsu=urn:nobody;s=Speed', type: 'float64' },
        tag('Text', 'integer'),
      ],
      context,
    );
    await vi.waitFor(() => expect(context.last(2)?.value).toBe(3), wait);
    await vi.waitFor(() => expect(context.samples(4)).toHaveLength(1), wait);
    expect(context.samples(1).map((sample) => sample.quality)).toEqual([StatusCodes.BadNodeIdUnknown.value]);
    expect(context.samples(3).map((sample) => sample.quality)).toEqual([Quality.BadConfigurationError]);
    expect(context.last(4)!.quality).toBe(Quality.BadConfigurationError);
    const warnings = context.logLines.filter((line) => line.includes('"level":40')).join('\n');
    expect(warnings).toContain('tag \\"tag1\\" (nsu=urn:lineside:test:machine;s=Missing)');
    expect(warnings).toContain('the server has no namespace urn:nobody, only');
    expect(warnings).toContain('the server gives String, the configuration says integer');
  });
});

describe('recovery', () => {
  test('a server that restarts with other namespace indexes gives the right values again', async () => {
    const first = await serve({ Speed: [DataType.Double, 1] });
    const driver = run(opcua, device({ endpoint: first.endpoint }), [tag('Speed')], context);
    await vi.waitFor(() => expect(context.last(1)?.value).toBe(1), wait);
    await first.stop();
    await vi.waitFor(() => expect(driver.status().state).toBe('down'), wait);
    expect(context.samples(1).slice(1)).toMatchObject([{ value: null, quality: Quality.BadNoCommunication }]);
    await serve({ Speed: [DataType.Double, 2] }, { port: first.port, namespacesBefore: ['urn:moved:in'] });
    await vi.waitFor(() => expect(context.last(1)?.value).toBe(2), wait);
    await vi.waitFor(() => expect(driver.status().state).toBe('up'), wait);
    expect(context.samples(1).filter((sample) => sample.value === null)).toHaveLength(1);
    expect(context.statuses.map((status) => status.state)).toEqual(['up', 'down', 'up']);
  });

  test('a cut of the network: what the server queued comes, and what did not change is Good again', async () => {
    const server = await serve({ Speed: [DataType.Double, 1], Still: [DataType.Double, 7] });
    const cutter = await new TcpCutter(server.port).listen();
    onTestFinished(() => cutter.close());
    const endpoint = `opc.tcp://127.0.0.1:${cutter.port}`;
    const driver = run(opcua, device({ endpoint }), [tag('Speed'), tag('Still')], context);
    await vi.waitFor(() => expect(context.last(2)?.value).toBe(7), wait);
    // A cut before all is asked for is a failed attempt, and the next one gets a new subscription.
    await vi.waitFor(() => expect(driver.status().state).toBe('up'), wait);
    cutter.cut();
    await vi.waitFor(() => expect(context.last(2)?.quality).toBe(Quality.BadNoCommunication), wait);
    for (const value of [2, 3, 4]) {
      server.set('Speed', DataType.Double, value);
      await serverTurn();
    }
    cutter.mend();
    await vi.waitFor(() => expect(context.last(2)).toMatchObject({ value: 7, quality: Quality.Good }), wait);
    await vi.waitFor(() => expect(context.last(1)?.value).toBe(4), wait);
    const speed = context.samples(1).map((sample) => sample.value);
    expect(speed.slice(0, 2)).toEqual([1, null]);
    expect(speed.slice(2)).toEqual([2, 3, 4]);
    const still = context.samples(2);
    expect(still.map((sample) => sample.value)).toEqual([7, null, 7]);
    // Newer than the outage, so that it is the last one by time, too.
    expect(still[2]!.at).toBeGreaterThan(still[1]!.at);
  });

  test('a server that is connected and silent gets a new connection', async () => {
    const server = await serve({ Speed: [DataType.Double, 1] });
    const cutter = await new TcpCutter(server.port).listen();
    onTestFinished(() => cutter.close());
    const endpoint = `opc.tcp://127.0.0.1:${cutter.port}`;
    const driver = run(opcua, device({ endpoint, silenceMs: 1100, keepAliveCount: 4 }), [tag('Speed')], context);
    await vi.waitFor(() => expect(context.last(1)?.value).toBe(1), wait);
    // Keep-alives alone keep it up.
    await new Promise((resolve) => setTimeout(resolve, 2200));
    expect(context.samples(1)).toHaveLength(1);
    expect(driver.status().state).toBe('up');
    cutter.freeze();
    await vi.waitFor(() => expect(driver.status().state).toBe('down'), wait);
    expect(driver.status().reason).toContain('has sent neither values nor a sign of life for');
    cutter.cut();
    cutter.thaw();
    cutter.mend();
    await vi.waitFor(() => expect(context.last(1)).toMatchObject({ value: 1, quality: Quality.Good }), wait);
    expect(context.samples(1).map((sample) => sample.value)).toEqual([1, null, 1]);
    expect(context.samples(1)[2]!.at).toBeGreaterThan(context.samples(1)[1]!.at);
    expect(context.logLines.filter((line) => line.includes('clock'))).toEqual([]);
  });

  test('a server that is not there is a state with a reason, and stop is quick', async () => {
    const port = await new Promise<number>((resolve) => {
      const probe = createServer().listen(0, '127.0.0.1', () => {
        const { port } = probe.address() as { port: number };
        probe.close(() => resolve(port));
      });
    });
    const driver = run(opcua, device({ endpoint: `opc.tcp://127.0.0.1:${port}` }), [tag('Speed')], context);
    await vi.waitFor(() => expect(driver.status().state).toBe('down'), wait);
    expect(driver.status().reason).toMatch(
      /^cannot reach opc\.tcp:\/\/127\.0\.0\.1:\d+: connection refused; is the PLC powered and the port right\?; retrying/,
    );
    await vi.waitFor(() => expect(driver.status().errors).toBeGreaterThan(1), wait);
    expect(context.samples(1).map((sample) => sample.quality)).toEqual([Quality.BadNoCommunication]);
    const began = performance.now();
    await driver.stop();
    expect(performance.now() - began).toBeLessThan(3000);
  });
});
