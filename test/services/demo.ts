/** The whole demo as `npm start` runs it, in a folder and on ports of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { freePorts } from './free-ports.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const PORT_NAMES = ['HTTP', 'MQTT', 'LOCAL', 'DEMO', 'OPCUA', 'MOULDER', 'PUMP'] as const;

export interface RunningDemo {
  child: ChildProcess;
  varDir: string;
  hubUrl: string;
  localUrl: string;
  demoUrl: string;
  user: string;
  password: string;
  /** Process ids of its parts: plant, hub, gateway. */
  parts: Record<string, number>;
  /** All that it has written so far. */
  output(): string;
  /** Ends it with a signal; resolves with its exit code and how long that took, milliseconds. */
  end(signal?: NodeJS.Signals): Promise<{ code: number | null; ms: number }>;
  /** Ends it, and removes its folder. */
  dispose(): Promise<void>;
}

interface Announced {
  firstUser?: string;
  firstPassword?: string;
  parts?: Record<string, number>;
}

export async function startDemo(options: { env?: NodeJS.ProcessEnv; varDir?: string } = {}): Promise<RunningDemo> {
  const varDir = options.varDir ?? (await mkdtemp(join(tmpdir(), 'lineside-demo-')));
  const ports = await freePorts(PORT_NAMES.length);
  const env: NodeJS.ProcessEnv = { ...process.env, LINESIDE_VAR: varDir };
  PORT_NAMES.forEach((name, i) => {
    env[`LINESIDE_${name}_PORT`] = String(ports[i]);
  });
  Object.assign(env, options.env);
  const child = spawn(process.execPath, ['demo/start.ts'], {
    cwd: ROOT,
    env,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let written = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      written += text;
    });
  }
  const exited = new Promise<number | null>((done) => child.once('exit', done));
  const end: RunningDemo['end'] = async (signal = 'SIGTERM') => {
    const from = performance.now();
    if (child.exitCode === null) child.kill(signal);
    return { code: await exited, ms: performance.now() - from };
  };
  const announced = await new Promise<Announced>((ready, failed) => {
    child.on('message', (message) => ready(message as Announced));
    child.once('exit', (code) => failed(new Error(`the demo ended with ${code}:\n${written}`)));
  });
  return {
    child,
    varDir,
    hubUrl: `http://127.0.0.1:${env.LINESIDE_HTTP_PORT}`,
    localUrl: `http://127.0.0.1:${env.LINESIDE_LOCAL_PORT}`,
    demoUrl: `http://127.0.0.1:${env.LINESIDE_DEMO_PORT}`,
    user: announced.firstUser ?? '',
    password: announced.firstPassword ?? '',
    parts: announced.parts ?? {},
    output: () => written,
    end,
    async dispose() {
      await end();
      await rm(varDir, { recursive: true, force: true });
    },
  };
}
