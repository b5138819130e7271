/** A real InfluxDB 1.x server on a private port, which can be killed and started again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from './free-ports.ts';
import { works } from './outside-tools.ts';

export const hasInfluxDb = works('which', 'influxd');

/**
 * Cut off within seconds of creating a database, 1.6 may deadlock at its next start (SeriesFile.Close) and say
 * nothing for ever: it is then killed and started once more.
 */
const START_DEADLINE_MS = 10_000;
const STARTS = 5;

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export class InfluxDb {
  readonly dir: string;
  readonly port: number;
  readonly #config: string;
  #process: ChildProcess | undefined;

  private constructor(dir: string, port: number, config: string) {
    this.dir = dir;
    this.port = port;
    this.#config = config;
  }

  /** @param settings lines for its section [http], such as `auth-enabled = true` */
  static async start(settings: string[] = []): Promise<InfluxDb> {
    const dir = mkdtempSync(join(tmpdir(), 'lineside-influx-'));
    const [port, rpc] = await freePorts(2);
    const config = join(dir, 'influxdb.conf');
    const lines = [
      'reporting-disabled = true',
      `bind-address = "127.0.0.1:${rpc}"`,
      ...['[meta]', `dir = "${dir}/meta"`],
      ...['[data]', `dir = "${dir}/data"`, `wal-dir = "${dir}/wal"`, 'query-log-enabled = false'],
      ...['[monitor]', 'store-enabled = false'],
      ...['[http]', `bind-address = "127.0.0.1:${port}"`, 'log-enabled = false', ...settings],
      ...['[logging]', 'level = "warn"'],
    ];
    writeFileSync(config, `${lines.join('\n')}\n`);
    const server = new InfluxDb(dir, port!, config);
    await server.restart();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#process!.pid!;
  }

  async restart(): Promise<void> {
    for (let start = 0; start < STARTS; start++) {
      const log = openSync(join(this.dir, 'influxd.log'), 'a');
      const child = spawn('influxd', ['-config', this.#config], { stdio: ['ignore', log, log] });
      running.add(child);
      child.once('exit', () => running.delete(child));
      this.#process = child;
      const deadline = Date.now() + START_DEADLINE_MS * (start + 1);
      while (child.exitCode === null && Date.now() < deadline) {
        if (await this.#answers()) return;
        await sleep(20);
      }
      await this.kill();
    }
    throw new Error(`influxd does not start; see ${this.dir}/influxd.log`);
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (!child || !running.has(child)) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  /** Stops or continues it as it is, so that it takes connections and answers nothing. */
  freeze(on: boolean): void {
    this.#process?.kill(on ? 'SIGSTOP' : 'SIGCONT');
  }

  /** An InfluxQL statement. @param account `user:password` */
  async query(q: string, db = '', account?: string): Promise<unknown> {
    const headers = account ? { authorization: `Basic ${Buffer.from(account).toString('base64')}` } : {};
    const answer = await fetch(`${this.url}/query`, {
      method: 'POST',
      headers,
      body: new URLSearchParams({ q, db }),
    });
    return answer.json();
  }

  async remove(): Promise<void> {
    await this.kill();
    await rm(this.dir, { recursive: true, force: true });
  }

  async #answers(): Promise<boolean> {
    try {
      return (await fetch(`${this.url}/ping`, { signal: AbortSignal.timeout(1_000) })).status === 204;
    } catch {
      return false;
    }
  }
}
