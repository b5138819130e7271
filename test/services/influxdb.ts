/**
 * A real InfluxDB server on a private port, which can be killed and started again: the 1.x of this machine, or the
 * program that LINESIDE_TEST_INFLUXD names, which may be a 2.x.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from './free-ports.ts';
import { InfluxBuckets } from './influxdb-buckets.ts';
import { works } from './outside-tools.ts';

const CHOSEN = process.env.LINESIDE_TEST_INFLUXD;
const PROGRAM = CHOSEN ?? 'influxd';

/** One that is chosen and does not start is to fail its tests. */
export const hasInfluxDb = CHOSEN !== undefined || works('which', PROGRAM);
export const influxDbIs2 = CHOSEN !== undefined && / v2\./.test(String(spawnSync(PROGRAM, ['version']).stdout));

/**
 * Cut off within seconds of creating a database, 1.6 may deadlock at its next start (SeriesFile.Close) and say
 * nothing for ever: it is then killed and started once more. 2.x does not, and has more to do at its first start.
 */
const START_DEADLINE_MS = influxDbIs2 ? 50_000 : 10_000;
const STARTS = 5;

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export class InfluxDb {
  readonly dir: string;
  readonly port: number;
  /** Of 2.x. */
  readonly buckets: InfluxBuckets;
  readonly #args: string[];
  #process: ChildProcess | undefined;

  private constructor(dir: string, port: number, args: string[]) {
    this.dir = dir;
    this.port = port;
    this.buckets = new InfluxBuckets(this.url, dir);
    this.#args = args;
  }

  /** @param settings lines for the section [http] of 1.x, such as `auth-enabled = true` */
  static async start(settings: string[] = []): Promise<InfluxDb> {
    const dir = mkdtempSync(join(tmpdir(), 'lineside-influx-'));
    const [port, rpc] = (await freePorts(2)) as [number, number];
    const server = new InfluxDb(dir, port, influxDbIs2 ? args2(dir, port) : args1(dir, port, rpc, settings));
    await server.restart();
    if (influxDbIs2) await server.buckets.setUp();
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
      const child = spawn(PROGRAM, this.#args, { stdio: ['ignore', log, log], cwd: this.dir });
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

  /**
   * How a hub comes to a database of its own. 1.x needs nothing, as the hub makes it; in 2.x it is a bucket that is
   * made here, with a token that may read and write it.
   */
  async settings(database: string): Promise<{ url: string; database: string; tokenFile?: string }> {
    const { url } = this;
    return influxDbIs2 ? { url, database, tokenFile: await this.buckets.make(database) } : { url, database };
  }

  /** Has the server itself delete, and refuse, what is older. The least is an hour. */
  async keepOnly(database: string, hours: number): Promise<void> {
    if (influxDbIs2) await this.buckets.keepOnly(database, hours);
    else await this.query(`CREATE RETENTION POLICY short ON "${database}" DURATION ${hours}h REPLICATION 1 DEFAULT`);
  }

  async drop(database: string): Promise<void> {
    if (influxDbIs2) await this.buckets.remove(database);
    else await this.query(`DROP DATABASE "${database}"`);
  }

  /** An InfluxQL statement. @param account of 1.x, `user:password` */
  async query(q: string, db = '', account?: string): Promise<unknown> {
    const answer = await fetch(`${this.url}/query`, {
      method: 'POST',
      headers: this.#authorization(account),
      body: new URLSearchParams({ q, db }),
    });
    return answer.json();
  }

  async remove(): Promise<void> {
    await this.kill();
    await rm(this.dir, { recursive: true, force: true });
  }

  #authorization(account?: string): Record<string, string> {
    if (influxDbIs2) return { authorization: this.buckets.owner };
    return account ? { authorization: `Basic ${Buffer.from(account).toString('base64')}` } : {};
  }

  async #answers(): Promise<boolean> {
    try {
      return (await fetch(`${this.url}/ping`, { signal: AbortSignal.timeout(1_000) })).status === 204;
    } catch {
      return false;
    }
  }
}

function args1(dir: string, port: number, rpc: number, settings: string[]): string[] {
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
  return ['-config', config];
}

function args2(dir: string, port: number): string[] {
  return [
    ...['--bolt-path', join(dir, 'influxd.bolt'), '--sqlite-path', join(dir, 'influxd.sqlite')],
    ...['--engine-path', join(dir, 'engine'), '--http-bind-address', `127.0.0.1:${port}`],
    ...['--reporting-disabled', '--log-level', 'error'],
  ];
}
