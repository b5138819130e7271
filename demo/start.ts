/**
 * `npm start`: the demo plant, a gateway and the hub, on this machine, with everything that they keep under ./var.
 * The parts are the real programs with the configurations in config/demo, the gateway with a copy of its own; kill one
 * and it comes back.
 */
import { randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { Part } from './part.ts';

/** Each port with the variable that changes it, as config/demo has them. */
const PORTS = {
  LINESIDE_HTTP_PORT: 8080,
  LINESIDE_MQTT_PORT: 1883,
  LINESIDE_LOCAL_PORT: 8081,
  LINESIDE_TOPICS_PORT: 1884,
  LINESIDE_DEMO_PORT: 8090,
  LINESIDE_OPCUA_PORT: 4840,
  LINESIDE_MOULDER_PORT: 5020,
  LINESIDE_PUMP_PORT: 5021,
};
type PortName = keyof typeof PORTS;

/** All parts together stop within 5 s. */
const STOP_MS = 1_500;

const CONFIG = fileURLToPath(new URL('../config/', import.meta.url));

const varDir = resolve(process.env.LINESIDE_VAR ?? 'var');
const env: NodeJS.ProcessEnv = {
  ...process.env,
  ...{ LINESIDE_VAR: varDir, LINESIDE_MODELS: join(CONFIG, 'models') },
  // A part that ends is started again: the hub may restart the gateway.
  LINESIDE_RESTARTS: '1',
};
for (const name of Object.keys(PORTS) as PortName[]) env[name] = String(portOf(name));

function portOf(name: PortName): number {
  return Number(process.env[name] ?? PORTS[name]);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function part(name: string, args: string[]): Part {
  return new Part({ name, args, env, logFile: join(varDir, 'logs', `${name}.log`), say });
}

function plantArgs(): string[] {
  const flags: [string, string][] = [
    ['--opcua-port', env.LINESIDE_OPCUA_PORT!],
    ['--moulder-port', env.LINESIDE_MOULDER_PORT!],
    ['--pump-port', env.LINESIDE_PUMP_PORT!],
    ['--http-port', env.LINESIDE_DEMO_PORT!],
    ['--speed', process.env.LINESIDE_DEMO_SPEED ?? '1'],
    ['--recording-start', process.env.LINESIDE_DEMO_ROW ?? '9000'],
    ['--pki-dir', join(varDir, 'demo', 'pki')],
  ];
  if (process.env.LINESIDE_TRUTH) flags.push(['--truth', process.env.LINESIDE_TRUTH]);
  return ['demo/plant.ts', ...flags.flat()];
}

/** A password: made once, known by its file to those who need it. */
function makeSecret(name: string): void {
  const dir = join(varDir, 'secrets');
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const file = join(dir, name);
  if (!existsSync(file)) writeFileSync(file, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600 });
}

/** The gateway's own copy of its configuration: one that is applied from the hub's page replaces it. */
function gatewayConfig(): string {
  const shipped = join(CONFIG, 'demo', 'gateway.yaml');
  const own = join(varDir, 'gateway.yaml');
  if (existsSync(own)) {
    if (statSync(own).mtimeMs >= statSync(shipped).mtimeMs) return own;
    // Whoever has changed what is shipped wants to see that.
    renameSync(own, `${own}.previous`);
  }
  copyFileSync(shipped, own);
  return own;
}

/** The line that a taken port's message needs here: which variable moves it. */
function hintFor(message: string): string {
  const port = Number(/\bport (\d+)/.exec(message)?.[1]);
  const name = (Object.keys(PORTS) as PortName[]).find((candidate) => portOf(candidate) === port);
  return name ? `\nIn the demo that is: ${name}=${port + 10} npm start` : '';
}

function welcome(hub: Record<string, unknown>): void {
  const { url, firstUser, firstPassword, firstPasswordFile } = hub;
  const password = firstPassword
    ? `sign in as ${firstUser} with the password ${firstPassword}`
    : `sign in as admin with your password${firstPasswordFile ? ` (the first one is kept in ${firstPasswordFile})` : ''}`;
  say(`
  Lineside is running.

    ${url}
    ${password}

    At the machine, also without the hub:  http://127.0.0.1:${env.LINESIDE_LOCAL_PORT}
    Break the plant and watch:             http://127.0.0.1:${env.LINESIDE_DEMO_PORT}
    Topics for integrators (uns/v1/#):     mqtt://127.0.0.1:${env.LINESIDE_MQTT_PORT}, from the gateway alone :${env.LINESIDE_TOPICS_PORT},
                                           as integrator, password in ${join(varDir, 'secrets', 'integrator')}
    Data, logs and secrets:                ${varDir}

  Ctrl-C stops it; the next start goes on with the same data.
`);
}

async function main(): Promise<number> {
  mkdirSync(join(varDir, 'logs'), { recursive: true });
  makeSecret('line-1');
  makeSecret('integrator');
  const plant = part('plant', plantArgs());
  const hub = part('hub', ['hub/main.ts', 'run', '--config', 'config/demo/hub.yaml']);
  const gateway = part('gateway', ['gateway/main.ts', 'run', '--config', gatewayConfig()]);
  const stopped = new Promise<void>((done) => {
    process.once('SIGINT', () => done());
    process.once('SIGTERM', () => done());
    process.once('disconnect', () => done());
  });
  let code = 0;
  try {
    say('Starting the plant, the hub and a gateway; a few seconds, please.');
    const starting = (async () => {
      const [, announced] = await Promise.all([plant.start(), hub.start()]);
      await gateway.start();
      return announced;
    })();
    const announced = await Promise.race([starting, stopped]);
    if (announced) {
      welcome(announced);
      process.send?.({ ...announced, parts: { plant: plant.pid, hub: hub.pid, gateway: gateway.pid }, ready: true });
      await stopped;
    }
    starting.catch(() => undefined);
    say('\nStopping.');
  } catch (error) {
    const message = messageOf(error);
    console.error(`\n${message}${hintFor(message)}\n`);
    code = 1;
  }
  // The gateway first, so that it still sees its devices and hub; then the hub, which commits what it has.
  for (const running of [gateway, hub, plant]) await running.stop(STOP_MS);
  if (code === 0) say('Stopped. Your data is kept.');
  return code;
}

process.exitCode = await main();
if (process.connected) process.disconnect?.();
