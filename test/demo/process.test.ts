import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';

const plantFile = new URL('../../demo/plant.ts', import.meta.url).pathname;
const faultFile = new URL('../../demo/fault.ts', import.meta.url).pathname;
const free = ['opcua', 'moulder', 'pump', 'http'].flatMap((server) => [`--${server}-port`, '0']);
const dir = mkdtempSync(join(tmpdir(), 'lineside-plant-process-'));
const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) if (child.exitCode === null) child.kill('SIGKILL');
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

interface Run {
  child: ChildProcess;
  ended: Promise<number | null>;
  out(): string;
  err(): string;
}

function run(file: string, args: string[], ipc = false): Run {
  const child = spawn(process.execPath, [file, ...args], {
    stdio: ipc ? ['ignore', 'pipe', 'pipe', 'ipc'] : ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  let out = '';
  let err = '';
  child.stdout?.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    err += chunk;
  });
  // Not the 'close' of the child, which never comes once the parent has disconnected the channel.
  const all = [once(child, 'exit'), once(child.stdout!, 'close'), once(child.stderr!, 'close')];
  const ended = Promise.all(all).then(([exit]) => exit![0] as number | null);
  return { child, ended, out: () => out, err: () => err };
}

async function ready(plant: Run): Promise<{ http: { url: string }; moulder: { port: number } }> {
  await expect.poll(() => plant.out(), { timeout: 20_000 }).toContain('\n');
  return JSON.parse(plant.out());
}

describe('node demo/plant.ts', () => {
  it('prints one ready line, takes faults from the command, and ends on SIGTERM with its truth written', async () => {
    const truth = join(dir, 'truth.jsonl');
    const plant = run(plantFile, [...free, '--speed', '20', '--truth', truth]);
    const line = await ready(plant);
    expect(line).toMatchObject({ ready: true, opcua: { endpoint: expect.stringMatching(/^opc\.tcp:\/\/127/) } });

    const fault = run(faultFile, ['moulder', 'stop', 'on', '--url', line.http.url]);
    expect(await fault.ended).toBe(0);
    expect(JSON.parse(fault.out())).toEqual({ machine: 'moulder', fault: 'stop', active: true });
    const wrong = run(faultFile, ['moulder', 'melt', 'on', '--url', line.http.url]);
    expect(await wrong.ended).toBe(1);
    expect(wrong.err()).toContain('microStops');

    const asked = performance.now();
    plant.child.kill('SIGTERM');
    expect(await plant.ended).toBe(0);
    expect(performance.now() - asked).toBeLessThan(2000);
    expect(plant.out().trim().split('\n')).toHaveLength(1);
    const lines = readFileSync(truth, 'utf8').trim().split('\n');
    expect(lines.map((one) => JSON.parse(one).m)).toContain('packer');
  }, 40_000);

  it('ends with the parent that spawned it', async () => {
    const plant = run(plantFile, free, true);
    await ready(plant);
    plant.child.disconnect();
    expect(await plant.ended).toBe(0);
  }, 30_000);

  it.each(['opcua', 'moulder', 'pump', 'http'])(
    'names the taken %s port and its flag',
    async (server) => {
      const holder: Server = createServer().listen(0, '127.0.0.1');
      await once(holder, 'listening');
      const { port } = holder.address() as { port: number };
      const plant = run(plantFile, [...free, `--${server}-port`, String(port)]);
      expect(await plant.ended).toBe(1);
      const message = plant.err().trim();
      expect(message).toContain(`port ${port} is taken`);
      expect(message).toContain(`--${server}-port`);
      expect(message.split('\n')).toHaveLength(1);
      expect(plant.out()).toBe('');
      holder.close();
    },
    30_000,
  );

  it('names a wrong flag, a wrong number and a wrong line of a recording', async () => {
    const bad = join(dir, 'bad.csv');
    writeFileSync(bad, 'timestamp,value\n2020-01-01,1\n2020-01-02,one\n');
    const [flag, number, recording] = [['--colour'], ['--speed', '0'], ['--recording', bad]].map((args) =>
      run(plantFile, [...free, ...args]),
    );
    expect(await flag!.ended).toBe(1);
    expect(flag!.err()).toContain('--colour');
    expect(await number!.ended).toBe(1);
    expect(number!.err()).toContain('--speed must be a number from 0.1 to 1000');
    expect(await recording!.ended).toBe(1);
    expect(recording!.err()).toContain('bad.csv, line 3');
  }, 30_000);
});
