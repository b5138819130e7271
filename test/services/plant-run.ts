/**
 * A whole installation in a folder of its own: the demo plant, a gateway and a hub as real processes with the
 * demo's configuration, and a wire between gateway and hub. Each can be killed and started again; what was done to
 * them, and when, is kept, for it excuses what was not collected meanwhile.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, watch, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from './free-ports.ts';
import { Mosquitto } from './mosquitto.ts';
import { newRelational } from './new-relational.ts';
import { Program } from './program.ts';
import { Wire } from './wire.ts';

export type ProgramName = 'plant' | 'hub' | 'gateway';

/** A time in which a program was not there, milliseconds since 1970 UTC; `to` is when it was ready again. */
export interface Outage {
  /** Or a device whose network was cut. */
  program: ProgramName | { device: string };
  from: number;
  to: number;
}

/** The part of the gateway's own page that a run looks at. */
export interface LocalStatus {
  status: {
    buffer: { pendingRecords: number; pendingSamples: number };
    devices: { device: string; state: string }[];
  };
  link: { connected: boolean; reason: string };
  buffer: {
    durableSamples: number;
    droppedSamples: number;
    damagedPlaces: number;
    fault: string;
  };
  alarms: { id: string; rule: string; state: string }[];
}

export interface PlantRunOptions {
  /** Plant seconds in one real second. */
  speed?: number;
  seed?: number;
  /** Writes other configurations than the demo's, for the ids and variables of the demo's, and says where they are. */
  configure?(dir: string): Promise<Configurations>;
  /** Gateway and hub meet at a real Mosquitto with default settings; its address is LINESIDE_BROKER_URL. */
  mosquitto?: boolean;
  /** Variables of the gateway beside the usual ones. */
  gatewayEnv?(dir: string): NodeJS.ProcessEnv;
}

export interface Configurations {
  gateway: string;
  hub: string;
}

const DEMO: Configurations = { gateway: 'config/demo/gateway.yaml', hub: 'config/demo/hub.yaml' };

const GATEWAY = 'line-1';

export class PlantRun {
  readonly gateway = GATEWAY;
  readonly dir: string;
  readonly wire = new Wire();
  readonly outages: Outage[] = [];
  readonly #options: PlantRunOptions;
  readonly #programs: Record<ProgramName, Program>;
  readonly #ports = { opcua: 0, moulder: 0, pump: 0, http: 0 };
  #localUrl = '';
  #gatewayEnv: NodeJS.ProcessEnv = {};
  hubUrl = '';
  config = DEMO;
  broker: Mosquitto | undefined;

  /** Makes the folder and starts nothing. */
  static async create(options: PlantRunOptions = {}): Promise<PlantRun> {
    const dir = await mkdtemp(join(tmpdir(), 'lineside-run-'));
    const run = new PlantRun(dir, options);
    await mkdir(join(dir, 'secrets'), { mode: 0o700 });
    for (const name of [GATEWAY, 'integrator']) {
      await writeFile(join(dir, 'secrets', name), `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600 });
    }
    await newRelational(join(run.hubDir, 'relational'));
    await run.wire.listen();
    const [opcua, moulder, pump, http] = await freePorts(4);
    Object.assign(run.#ports, { opcua, moulder, pump, http });
    if (options.configure) run.config = await options.configure(dir);
    run.#gatewayEnv = options.gatewayEnv?.(dir) ?? {};
    if (options.mosquitto) {
      await mkdir(join(dir, 'broker'));
      run.broker = await Mosquitto.start(join(dir, 'broker'));
      run.wire.target = run.broker.port;
    }
    return run;
  }

  private constructor(dir: string, options: PlantRunOptions) {
    this.dir = dir;
    this.#options = options;
    const program = (name: ProgramName, args: () => string[], env: () => NodeJS.ProcessEnv) =>
      new Program({ name, args, env, logFile: join(dir, `${name}.log`) });
    this.#programs = {
      plant: program(
        'plant',
        () => this.#plantArgs(),
        () => ({}),
      ),
      hub: program(
        'hub',
        () => ['hub/main.ts', 'run', '--config', this.config.hub],
        () => ({ ...this.#env(), LINESIDE_MQTT_PORT: '0' }),
      ),
      gateway: program(
        'gateway',
        () => ['gateway/main.ts', 'run', '--config', this.config.gateway],
        () => ({ ...this.#env(), ...this.#gatewayEnv, LINESIDE_MQTT_PORT: String(this.wire.port) }),
      ),
    };
  }

  get bufferDir(): string {
    return join(this.dir, 'gateway', 'buffer');
  }

  get hubDir(): string {
    return join(this.dir, 'hub');
  }

  get truthFile(): string {
    return join(this.dir, 'truth.jsonl');
  }

  /** Starts all three; resolves when they are ready. */
  async startAll(): Promise<void> {
    await Promise.all([this.start('plant'), this.start('hub')]);
    await this.start('gateway');
  }

  async start(name: ProgramName): Promise<void> {
    const told = await this.#programs[name].start();
    if (name === 'hub') {
      if (!this.broker) this.wire.target = told.mqttPort as number;
      this.hubUrl = told.url as string;
    }
    if (name === 'gateway') this.#localUrl = told.localUrl as string;
    const open = this.outages.filter(({ program, to }) => program === name && to === Number.POSITIVE_INFINITY);
    for (const outage of open) outage.to = Date.now();
  }

  /** kill -9. */
  async kill(name: ProgramName): Promise<void> {
    this.#note(name);
    await this.#programs[name].kill();
  }

  /**
   * kill -9 in the middle of a commit: so many milliseconds after it has begun to write to its disk. For the hub that
   * is between its two stores, a place that a kill at any time hits once in a hundred.
   */
  async killAtWrite(name: 'hub' | 'gateway', afterMs: number): Promise<void> {
    await (name === 'hub' ? written(this.hubDir, '.wal') : written(this.bufferDir, '.seg'));
    if (afterMs > 0) await new Promise((resolve) => setTimeout(resolve, afterMs));
    await this.kill(name);
  }

  /** Ends it in order. @throws Error when it does not end well. */
  async stop(name: ProgramName): Promise<void> {
    this.#note(name);
    await this.#programs[name].stop();
  }

  /**
   * The end of a run: the plant stops, the gateway notices and delivers all that it has, then gateway and hub stop.
   * Resolves with the last that the gateway's page said.
   * @throws Error when something stays pending, or a program does not end well
   */
  async finish(): Promise<LocalStatus> {
    await this.stop('plant');
    const last = await this.until(
      'the devices are down and nothing is pending',
      ({ link, status }) =>
        link.connected && status.devices.every(({ state }) => state === 'down') && status.buffer.pendingRecords === 0,
    );
    await this.stop('gateway');
    await this.stop('hub');
    return last;
  }

  freeze(name: ProgramName): void {
    this.#programs[name].freeze();
  }

  thaw(name: ProgramName): void {
    this.#programs[name].thaw();
  }

  /** Programs that ended although nobody had ended them. */
  crashes(): string[] {
    return Object.values(this.#programs).flatMap(({ crash }) => (crash ? [crash] : []));
  }

  /** What the gateway's own page says. */
  async local(): Promise<LocalStatus> {
    const response = await fetch(`${this.#localUrl}/api/status`, { signal: AbortSignal.timeout(5_000) });
    return (await response.json()) as LocalStatus;
  }

  /** Puts a fault into a machine of the plant, or takes it out. */
  async fault(machine: string, fault: string, active: boolean): Promise<void> {
    const response = await fetch(`http://127.0.0.1:${this.#ports.http}/api/faults`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ machine, fault, active }),
      signal: AbortSignal.timeout(5_000),
    });
    if (!response.ok) throw new Error(`the plant refuses the fault: ${await response.text()}`);
    if (fault === 'networkCut' && active) {
      this.outages.push({ program: { device: machine }, from: Date.now(), to: Date.now() });
    }
  }

  /** Resolves with what the gateway's page says as soon as it is as wanted. */
  async until(what: string, holds: (status: LocalStatus) => boolean, withinMs = 60_000): Promise<LocalStatus> {
    const deadline = Date.now() + withinMs;
    let last = 'it does not answer';
    while (Date.now() < deadline) {
      const status = await this.local().catch(() => undefined);
      if (status && holds(status)) return status;
      if (status) last = JSON.stringify({ link: status.link, buffer: status.status.buffer, alarms: status.alarms });
      const crash = this.crashes()[0];
      if (crash) throw new Error(`${crash} while waiting until ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`not within ${withinMs} ms: ${what}; the gateway's page said last: ${last}`);
  }

  /** The link works, and the hub has got so many samples more than the gateway had made durable by now. */
  async untilDelivered(moreSamples = 0): Promise<LocalStatus> {
    const { durableSamples } = (await this.until('the gateway is there', () => true)).buffer;
    await this.until('more is collected', ({ buffer }) => buffer.durableSamples >= durableSamples + moreSamples);
    return this.until(
      'everything is with the hub',
      ({ link, status }) => link.connected && status.buffer.pendingRecords <= LIVE_RECORDS,
    );
  }

  /** Kills what is left and, unless it is to be kept, removes the folder. Idempotent. */
  async dispose({ keep = false } = {}): Promise<void> {
    await Promise.all(Object.values(this.#programs).map((program) => program.dispose()));
    await this.wire.close();
    await this.broker?.kill();
    if (!keep) await rm(this.dir, { recursive: true, force: true });
  }

  #note(program: ProgramName): void {
    if (this.#programs[program].running)
      this.outages.push({ program, from: Date.now(), to: Number.POSITIVE_INFINITY });
  }

  #env(): NodeJS.ProcessEnv {
    return {
      LINESIDE_VAR: this.dir,
      LINESIDE_KEEP_COMMITTED_MIB: '256',
      LINESIDE_LOG_LEVEL: 'info',
      LINESIDE_HTTP_PORT: '0',
      LINESIDE_LOCAL_PORT: '0',
      LINESIDE_TOPICS_PORT: '0',
      LINESIDE_BROKER_URL: this.broker?.url,
      LINESIDE_OPCUA_PORT: String(this.#ports.opcua),
      LINESIDE_MOULDER_PORT: String(this.#ports.moulder),
      LINESIDE_PUMP_PORT: String(this.#ports.pump),
    };
  }

  #plantArgs(): string[] {
    const { opcua, moulder, pump, http } = this.#ports;
    const flags = {
      'opcua-port': opcua,
      'moulder-port': moulder,
      'pump-port': pump,
      'http-port': http,
      speed: this.#options.speed ?? 20,
      seed: this.#options.seed ?? 1,
      'recording-start': 9_000,
      'pki-dir': join(this.dir, 'plant-pki'),
      truth: this.truthFile,
    };
    return ['demo/plant.ts', ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)])];
  }
}

const LONGEST_COMMIT_MS = 5_000;

/** While data comes in, so many records are always on their way. */
const LIVE_RECORDS = 8;

/** Resolves when a file of the folder whose name ends so is written to, or when nothing is for long. */
async function written(dir: string, ending: string): Promise<void> {
  const stop = AbortSignal.timeout(LONGEST_COMMIT_MS);
  try {
    for await (const { filename } of watch(dir, { signal: stop })) if (filename?.endsWith(ending)) return;
  } catch (error) {
    if (!stop.aborted) throw error;
  }
}
