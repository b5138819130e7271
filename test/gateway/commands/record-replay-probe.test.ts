import { type ChildProcess, execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { FakeModbusServer } from '../../services/fake-modbus-server.ts';

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

function gateway(...args: string[]): { child: ChildProcess; ended: Promise<Ended> } {
  let child!: ChildProcess;
  const ended = new Promise<Ended>((resolve) => {
    child = execFile(process.execPath, ['gateway/main.ts', ...args], (error, stdout, stderr) => {
      resolve({ code: Number(error?.code ?? 0), stdout, stderr });
    });
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return { child, ended };
}

let server: FakeModbusServer;
let dir: string;
let config: string;

beforeEach(async () => {
  server = await new FakeModbusServer().listen();
  onTestFinished(() => server.close());
  dir = mkdtempSync(join(tmpdir(), 'lineside-commands-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  config = join(dir, 'gateway.yaml');
  const device = `{ id: press, driver: modbus, host: 127.0.0.1, port: ${server.port}, pollMs: 50, tags: [{ name: level, address: "holding:0", type: uint16 }] }`;
  writeFileSync(
    config,
    `gateway: { id: line-1 }\nhub: { url: "mqtt://127.0.0.1:1883", passwordFile: ./none }\ndevices:\n  - ${device}\n`,
  );
});

test('what is recorded until Ctrl-C is replayed as lines of JSON, and nothing else is on standard output', async () => {
  const out = join(dir, 'press.jsonl');
  const recording = gateway('record', '--config', config, '--device', 'press', '--out', out);
  server.beforeRead = () => void server.holding[0]!++;
  await vi.waitFor(() => expect(server.requestCount).toBeGreaterThan(10), { timeout: 15_000, interval: 20 });
  recording.child.kill('SIGINT');
  const recorded = await recording.ended;
  expect(recorded).toMatchObject({ code: 0, stdout: '' });
  expect(recorded.stderr).toMatch(/press\.jsonl: \d+ entries, \d+ samples/);

  const { code, stdout, stderr } = await gateway('replay', '--config', config, '--recording', out).ended;
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines[0]).toMatchObject({ kind: 'state', state: 'up' });
  const values = lines.filter(({ kind }) => kind === 'frame').map((frame) => frame.values[0]);
  expect(values.length).toBeGreaterThan(8);
  // An answer that came too late for its request is not among them.
  expect(values).toEqual([...new Set(values)].sort((a, b) => a - b));
  expect(stderr).toMatch(/device "press": \d+ entries over .* gave \d+ frames/);
  expect(code).toBe(0);
}, 30_000);

test('mistakes are named', async () => {
  const out = join(dir, 'press.jsonl');
  const results = await Promise.all(
    [
      ['record', '--config', config, '--device', 'nobody', '--out', out],
      ['record', '--config', config, '--device', 'press'],
      ['replay', '--config', config, '--recording', out],
      ['replay', '--config', config, '--recording', out, '--speed', 'fast'],
      ['probe', 'modbus', '--host', '127.0.0.1', '--table', 'registers'],
    ].map((args) => gateway(...args).ended),
  );
  expect(results.map(({ code }) => code)).toEqual([1, 2, 1, 2, 1]);
  const said = results.map(({ stderr }) => stderr.split('\n')[0]);
  expect(said[0]).toContain('has no device "nobody"; it has press');
  expect(said[1]).toContain('usage: gateway record');
  expect(said[2]).toContain('cannot be replayed');
  expect(said[3]).toContain('write a number above 0, or max');
  expect(said[4]).toContain('write one of holding, input, discrete, coil');
}, 30_000);

test('a probe ends at Ctrl-C and prints what it has found', async () => {
  const probe = gateway('probe', 'modbus', '--host', '127.0.0.1', '--port', String(server.port), '--pause', '300');
  await vi.waitFor(() => expect(server.requestCount).toBeGreaterThan(3), { timeout: 15_000, interval: 20 });
  probe.child.kill('SIGINT');
  const { code, stdout, stderr } = await probe.ended;
  expect(stderr).toContain('ended before everything was tried: interrupted');
  expect(stdout).toMatch(/^# Measured by gateway probe on .*\ndevices:\n {2}- id: unit-1-127-0-0-1-\d+\n/);
  expect(code).toBe(0);
}, 30_000);
