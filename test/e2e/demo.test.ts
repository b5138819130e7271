/** `npm start` as a newcomer meets it. */
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { afterEach, describe, expect, test } from 'vitest';
import { type RunningDemo, startDemo } from '../services/demo.ts';
import { freePorts } from '../services/free-ports.ts';
import { newRelational } from '../services/new-relational.ts';

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'lineside-start-'));
  cleanUps.push(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** A folder in which the hub's store is made already. */
async function usedFolder(): Promise<string> {
  const dir = await folder();
  await newRelational(join(dir, 'hub', 'relational'));
  return dir;
}

async function start(varDir: string): Promise<RunningDemo> {
  const demo = await startDemo({ varDir });
  cleanUps.push(() => demo.end());
  return demo;
}

async function signIn(demo: RunningDemo, password: string): Promise<string> {
  const response = await fetch(`${demo.hubUrl}/api/v1/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'admin', password }),
  });
  expect(response.status).toBe(200);
  return response.headers.get('set-cookie')!.split(';')[0]!;
}

/** What an integrator hears, by topic. */
async function topics(demo: RunningDemo, at: 'hub' | 'gateway'): Promise<Map<string, unknown>> {
  const password = (await readFile(join(demo.varDir, 'secrets', 'integrator'), 'utf8')).trim();
  const client = await mqtt.connectAsync(demo.topicsUrls[at], { username: 'integrator', password });
  cleanUps.push(() => client.endAsync(true));
  const heard = new Map<string, unknown>();
  client.on('message', (topic, payload) => heard.set(topic, JSON.parse(payload.toString() || 'null')));
  await client.subscribeAsync('uns/v1/#');
  return heard;
}

/** Samples that the hub has committed; -1 while it does not answer. */
async function storedSamples(demo: RunningDemo, cookie: string): Promise<number> {
  try {
    const response = await fetch(`${demo.hubUrl}/api/v1/gateways`, { headers: { cookie } });
    const { items } = (await response.json()) as { items: { samplesStored: number }[] };
    return items[0]!.samplesStored;
  } catch {
    return -1;
  }
}

describe('npm start', () => {
  test('prints an address and a first password, stops within 5 s on Ctrl-C, and goes on with the same data, also when a part is killed', async () => {
    const varDir = await folder();
    const first = await start(varDir);
    await expect.poll(() => first.output()).toContain(first.hubUrl);
    expect(first.output()).toContain(first.password);
    const cookie = await signIn(first, first.password);
    await expect.poll(() => storedSamples(first, cookie), { timeout: 20_000 }).toBeGreaterThan(20);
    const stored = await storedSamples(first, cookie);
    const [atGateway, atHub] = [await topics(first, 'gateway'), await topics(first, 'hub')];
    const speed = 'uns/v1/acme/hamburg/packaging/line-1/packer/speed';
    await expect.poll(() => atGateway.get(speed), { timeout: 20_000 }).toMatchObject({ unit: 'packs/min' });
    await expect.poll(() => atHub.get(speed), { timeout: 20_000 }).toMatchObject({ unit: 'packs/min' });
    // The same place in the plant, whoever tells.
    const values = (of: Map<string, unknown>) => [...of.keys()].filter((topic) => !topic.includes('/_')).sort();
    await expect.poll(() => values(atHub)).toEqual(values(atGateway));
    const stopped = await first.end('SIGINT');
    expect(stopped).toMatchObject({ code: 0 });
    expect(stopped.ms).toBeLessThan(5_000);

    // What the hub's page has applied to the gateway, and not to the project.
    await appendFile(join(varDir, 'gateway.yaml'), '# mine\n');
    const second = await start(varDir);
    expect(await readFile(join(varDir, 'gateway.yaml'), 'utf8')).toMatch(/# mine\n$/);
    expect(second.password).toBe('');
    expect(second.output()).not.toContain(first.password);
    // The session outlives the restart too.
    expect(await storedSamples(second, cookie)).toBeGreaterThanOrEqual(stored);
    await signIn(second, first.password);

    await expect.poll(() => storedSamples(second, cookie), { timeout: 20_000 }).toBeGreaterThan(stored);
    const before = await storedSamples(second, cookie);
    process.kill(second.parts.hub!, 'SIGKILL');
    await expect.poll(() => second.output(), { timeout: 20_000 }).toContain('hub runs again');
    await expect.poll(() => storedSamples(second, cookie), { timeout: 30_000 }).toBeGreaterThan(before);
  });

  test.each(['LINESIDE_HTTP_PORT', 'LINESIDE_PUMP_PORT'])(
    'names a taken port and the setting that changes it: %s',
    async (setting) => {
      const [port] = await freePorts(1);
      const taken = createServer();
      await new Promise<void>((resolve) => taken.listen(port, '127.0.0.1', resolve));
      cleanUps.push(() => new Promise((resolve) => taken.close(resolve)));
      const failure = startDemo({ varDir: await usedFolder(), env: { [setting]: String(port) } });
      await expect(failure).rejects.toThrow(new RegExp(`port ${port}[^]*${setting}=`));
    },
  );
});
