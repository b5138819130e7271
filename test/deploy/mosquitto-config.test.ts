import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectTcp, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt, { type MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { hasTool, ROOT, runTool, TOOL_ENV } from './tools.ts';

const PASSWORDS = {
  hub: 'hub-secret',
  health: 'health-secret',
  'line-1': 'line-1-secret',
  'line-2': 'line-2-secret',
};

/** Runs the shipped start script and configuration with the container's folders moved below a temporary one. */
describe.skipIf(!hasTool('mosquitto') || !hasTool('mosquitto_passwd'))(
  'Mosquitto with the shipped configuration',
  () => {
    let folder: string;
    let port: number;
    let broker: ChildProcess;
    let output = '';
    const clients: MqttClient[] = [];

    async function start(): Promise<void> {
      broker = spawn('sh', [join(folder, 'start.sh')], { env: TOOL_ENV, stdio: ['ignore', 'pipe', 'pipe'] });
      for (const stream of [broker.stdout, broker.stderr]) stream?.on('data', (data) => (output += data));
      await vi.waitFor(
        async () => {
          if (broker.exitCode !== null) throw new Error(output);
          const probe = connectTcp(port, '127.0.0.1');
          await once(probe, 'connect');
          probe.destroy();
        },
        { timeout: 8_000 },
      );
    }

    async function stop(signal: NodeJS.Signals): Promise<void> {
      const exited = once(broker, 'exit');
      broker.kill(signal);
      await exited;
      output = '';
    }

    async function connect(user: keyof typeof PASSWORDS, options: mqtt.IClientOptions = {}): Promise<MqttClient> {
      const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
        username: user,
        password: PASSWORDS[user],
        reconnectPeriod: 0,
        ...options,
      });
      clients.push(client);
      return client;
    }

    function topicsOf(client: MqttClient): string[] {
      const topics: string[] = [];
      client.on('message', (topic) => topics.push(topic));
      return topics;
    }

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'lineside-mosquitto-'));
      // The broker gives up root's rights when it starts.
      runTool('chmod', ['0777', folder]);
      for (const name of ['run', 'secrets', 'data']) mkdirSync(join(folder, name), { mode: 0o777 });
      runTool('chmod', ['0777', join(folder, 'data')]);
      const probe = createServer().listen(0, '127.0.0.1');
      await once(probe, 'listening');
      port = (probe.address() as { port: number }).port;
      probe.close();

      for (const [user, password] of Object.entries(PASSWORDS)) {
        const name = user === 'hub' || user === 'health' ? `mosquitto-${user}-password` : `gateway-${user}-password`;
        writeFileSync(join(folder, 'secrets', name), password);
      }
      for (const name of ['start.sh', 'mosquitto.conf', 'acl']) {
        const moved = readFileSync(join(ROOT, 'docker/mosquitto', name), 'utf8')
          .replaceAll('/run/secrets', `${folder}/secrets`)
          .replaceAll('/run/mosquitto', `${folder}/run`)
          .replaceAll('/mosquitto/config', folder)
          .replaceAll('/mosquitto/data/', `${folder}/data/`)
          .replace('listener 1883 0.0.0.0', `listener ${port} 127.0.0.1\nuser ${process.env.USER ?? 'root'}`);
        writeFileSync(join(folder, name), moved);
      }
      await start();
    });

    afterAll(async () => {
      for (const client of clients) client.end(true);
      if (broker && broker.exitCode === null) await stop('SIGTERM');
      rmSync(folder, { recursive: true });
    });

    it('hashes the passwords before it starts, and refuses who has none', async () => {
      const passwords = readFileSync(join(folder, 'run/passwords'), 'utf8');
      for (const [user, password] of Object.entries(PASSWORDS)) {
        expect(passwords).toMatch(new RegExp(`^${user}:\\$7\\$`, 'm'));
        expect(passwords).not.toContain(password);
      }
      const anonymous = mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 0 });
      await expect(anonymous).rejects.toThrow(/not authorized/i);
    });

    it('lets a gateway speak for itself only, and hear only its own answers', async () => {
      const hub = await connect('hub');
      const atHub = topicsOf(hub);
      await hub.subscribeAsync('lineside/v1/+/data', { qos: 1 });
      const one = await connect('line-1');
      const two = await connect('line-2');
      const atTwo = topicsOf(two);
      await two.subscribeAsync(['lineside/v1/+/committed', 'lineside/v1/line-1/data'], { qos: 1 });

      // Mosquitto 2.0.11 acknowledges what the rules forbid and, with max_queued_messages 0, then hangs up; later
      // versions only acknowledge it.
      const forger = await connect('line-1');
      const forged = forger.publishAsync('lineside/v1/line-2/data', 'forged', { qos: 1 });
      await Promise.race([forged, new Promise((resolve) => forger.once('close', () => resolve(undefined)))]);
      await one.publishAsync('lineside/v1/line-1/data', 'own', { qos: 1 });
      await hub.publishAsync('lineside/v1/line-1/committed', 'for line-1', { qos: 1 });
      await hub.publishAsync('lineside/v1/line-2/committed', 'for line-2', { qos: 1 });

      await vi.waitFor(() => expect(atTwo).toEqual(['lineside/v1/line-2/committed']));
      await vi.waitFor(() => expect(atHub).toEqual(['lineside/v1/line-1/data']));
    });

    it('answers the health check', async () => {
      const health = await connect('health');
      const heard = topicsOf(health);
      await health.subscribeAsync('$SYS/broker/uptime');
      await vi.waitFor(() => expect(heard).toEqual(['$SYS/broker/uptime']));
    });

    it('keeps a queue of more than a thousand acknowledged messages over SIGKILL', {
      timeout: 30_000,
    }, async () => {
      const session = { clientId: 'hub-session', clean: false } as const;
      const first = await connect('hub', session);
      await first.subscribeAsync('lineside/v1/+/data', { qos: 1 });
      await first.endAsync();
      const gateway = await connect('line-1');
      await Promise.all(
        Array.from({ length: 1_100 }, (_, i) => gateway.publishAsync('lineside/v1/line-1/data', `${i}`, { qos: 1 })),
      );
      await stop('SIGKILL');
      await start();
      const received = new Set<string>();
      const again = mqtt.connect(`mqtt://127.0.0.1:${port}`, {
        ...session,
        username: 'hub',
        password: PASSWORDS.hub,
        reconnectPeriod: 0,
      });
      clients.push(again);
      again.on('message', (_, payload) => received.add(payload.toString()));

      // Not all: what is acknowledged in the last turn before the kill can be lost, and one of 1,100 was. With
      // Mosquitto's defaults it is everything, and a queue ends at 1,000.
      await vi.waitFor(() => expect(received.size).toBeGreaterThan(1_000), { timeout: 10_000 });
    });
  },
);
