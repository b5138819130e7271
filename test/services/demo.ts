/** The whole demo as `npm start` runs it, in a folder and on ports of its own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from './free-ports.ts';
import { newRelational } from './new-relational.ts';
import { Program } from './program.ts';

const PORT_NAMES = ['HTTP', 'MQTT', 'LOCAL', 'TOPICS', 'DEMO', 'OPCUA', 'MOULDER', 'PUMP'] as const;

export interface RunningDemo {
  varDir: string;
  hubUrl: string;
  localUrl: string;
  demoUrl: string;
  /** Brokers with topics for integrators. */
  topicsUrls: { hub: string; gateway: string };
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

/** @param options `varDir`: this folder, as it is; without it a new one, in which the hub finds its store made already */
export async function startDemo(options: { env?: NodeJS.ProcessEnv; varDir?: string } = {}): Promise<RunningDemo> {
  const varDir = options.varDir ?? (await mkdtemp(join(tmpdir(), 'lineside-demo-')));
  if (!options.varDir) await newRelational(join(varDir, 'hub', 'relational'));
  const ports = await freePorts(PORT_NAMES.length);
  const env: NodeJS.ProcessEnv = { LINESIDE_VAR: varDir };
  PORT_NAMES.forEach((name, i) => {
    env[`LINESIDE_${name}_PORT`] = String(ports[i]);
  });
  Object.assign(env, options.env);
  let written = '';
  const program = new Program({
    name: 'the demo',
    args: ['demo/start.ts'],
    env: () => env,
    hear: (line) => {
      written += `${line}\n`;
    },
  });
  const end: RunningDemo['end'] = async (signal = 'SIGTERM') => {
    const from = performance.now();
    return { code: await program.end(signal), ms: performance.now() - from };
  };
  const announced = (await program.start()) as Announced;
  return {
    varDir,
    hubUrl: `http://127.0.0.1:${env.LINESIDE_HTTP_PORT}`,
    localUrl: `http://127.0.0.1:${env.LINESIDE_LOCAL_PORT}`,
    demoUrl: `http://127.0.0.1:${env.LINESIDE_DEMO_PORT}`,
    topicsUrls: {
      hub: `mqtt://127.0.0.1:${env.LINESIDE_MQTT_PORT}`,
      gateway: `mqtt://127.0.0.1:${env.LINESIDE_TOPICS_PORT}`,
    },
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
