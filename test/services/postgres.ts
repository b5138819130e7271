/**
 * A real PostgreSQL on a private port, which can be killed and started again. What initdb and the migrations make is
 * made once, kept beside the installed packages, and copied for each server; a database of it is copied again for each
 * test that wants an empty one.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { Value } from 'typebox/value';
import { RelationalConfig } from '../../hub/store/postgres/config.ts';
import { MIGRATIONS } from '../../hub/store/postgres/migrate.ts';
import type { QuerySeen, Relational } from '../../hub/store/postgres/relational.ts';
import { openServer } from '../../hub/store/postgres/server.ts';
import { freePorts } from './free-ports.ts';
import { madeOnce } from './made-once.ts';
import { listens } from './outside-tools.ts';

const BIN = binaries();
export const hasPostgres = BIN !== undefined;

/** The database with all tables and nothing in them. */
const TEMPLATE = 'lineside_template';
/** Who the server runs as: it refuses to be root. */
const OWNER = userInfo().uid === 0 ? ownerOf('postgres') : undefined;

/** Its data is gone with the test; what is tested of kill -9 the system's cache survives. */
const FAST = ['fsync=off', 'synchronous_commit=on', 'shared_buffers=16MB', 'max_connections=80', 'autovacuum=off'];

/** What a server has beside its data. */
interface PostgresFiles {
  /** By name, such as its certificate. */
  files?: Record<string, string>;
  /** Settings that name these files. */
  settings?(folder: string): string[];
  /** Lines of pg_hba.conf; by default anybody may be anybody. */
  access?: string[];
}

export class Postgres {
  readonly #dir: string;
  readonly #settings: string[];
  readonly port: number;
  #process: ChildProcess | undefined;
  #databases = 0;

  private constructor(dir: string, port: number, settings: string[]) {
    this.#dir = dir;
    this.port = port;
    this.#settings = settings;
  }

  /** @param settings such as `log_statement=all` */
  static async start(settings: string[] = [], more: PostgresFiles = {}): Promise<Postgres> {
    const made = await template();
    const dir = await mkdtemp(join(tmpdir(), 'lineside-postgres-'));
    execFileSync('cp', ['-a', '--reflink=auto', made, join(dir, 'data')]);
    const server = await Postgres.#on(dir, [...settings, ...(more.settings?.(dir) ?? [])]);
    for (const [name, content] of Object.entries(more.files ?? {})) await server.#write(name, content);
    if (more.access) await server.#write('data/pg_hba.conf', `${more.access.join('\n')}\n`);
    await server.restart();
    return server;
  }

  url(database: string): string {
    return `postgres://127.0.0.1:${this.port}/${database}`;
  }

  /** What a hub would have in its configuration. */
  settings(database: string, more: Partial<RelationalConfig> = {}): RelationalConfig {
    const given = { url: this.url(database), username: 'postgres', poolSize: 5, ...more };
    return Value.Default(RelationalConfig, given) as RelationalConfig;
  }

  /** Makes a database with all tables and nothing in them; returns its name. */
  async newDatabase(): Promise<string> {
    const name = `lineside_${++this.#databases}`;
    await this.sql(`create database ${name} template ${TEMPLATE}`);
    return name;
  }

  /** A new database, opened as a hub does it. */
  async open(more: { onQuery?: QuerySeen } = {}): Promise<Relational> {
    return openAt(this.settings(await this.newDatabase()), more);
  }

  /** Runs statements as the server's administrator; returns what psql prints, without headings. */
  async sql(statements: string, database = 'postgres'): Promise<string> {
    const args = ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-h', '127.0.0.1', '-p', String(this.port)];
    const child = spawn(join(BIN!, 'psql'), [...args, '-U', 'postgres', '-d', database], { stdio: 'pipe' });
    let out = '';
    let err = '';
    child.stdout.on('data', (data) => {
      out += data;
    });
    child.stderr.on('data', (data) => {
      err += data;
    });
    child.stdin.end(statements);
    const [code] = (await once(child, 'close')) as [number];
    if (code !== 0) throw new Error(`psql: ${err}`);
    return out.trim();
  }

  async #write(name: string, content: string): Promise<void> {
    const file = join(this.#dir, name);
    await writeFile(file, content, { mode: 0o600 });
    if (OWNER) await chown(file, OWNER.uid, OWNER.gid);
  }

  async restart(): Promise<void> {
    const flags = [...FAST, `port=${this.port}`, 'listen_addresses=127.0.0.1', 'unix_socket_directories=']
      .concat(this.#settings)
      .flatMap((setting) => ['-c', setting]);
    const log = join(this.#dir, 'log');
    this.#process = spawn(
      'sh',
      ['-c', 'exec "$0" "$@" >>"$LOG" 2>&1', join(BIN!, 'postgres'), '-D', join(this.#dir, 'data'), ...flags],
      { stdio: 'ignore', cwd: this.#dir, env: { ...process.env, LOG: log, LC_ALL: 'C' }, ...OWNER },
    );
    const ended = once(this.#process, 'exit').then(() => {
      throw new Error(`PostgreSQL ended: ${readFileSync(log, 'utf8').slice(-2_000)}`);
    });
    ended.catch(() => undefined);
    await Promise.race([listens(this.port), ended]);
    // It listens before it lets anybody in.
    for (let tries = 0; ; tries++) {
      try {
        await this.sql('select 1');
        return;
      } catch (error) {
        if (tries > 200) throw error;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  /** SIGKILL takes the whole server with it, as its children notice; SIGINT is PostgreSQL's fast shutdown. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    if (!running || running.exitCode !== null || running.signalCode !== null) return;
    const ended = once(running, 'exit');
    running.kill(signal);
    await ended;
  }

  async dispose(): Promise<void> {
    await this.kill('SIGQUIT');
    await rm(this.#dir, { recursive: true, force: true });
  }

  static async #on(dir: string, settings: string[]): Promise<Postgres> {
    const [port] = await freePorts(1);
    await chmod(dir, 0o755);
    if (OWNER) await chown(dir, OWNER.uid, OWNER.gid);
    return new Postgres(dir, port!, settings);
  }

  /** Makes what is copied: the server's files, with the database of all tables. */
  static async make(dir: string): Promise<void> {
    if (OWNER) await chown(dir, OWNER.uid, OWNER.gid);
    const flags = ['-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync', '--no-instructions'];
    execFileSync(join(BIN!, 'initdb'), ['-D', join(dir, 'data'), ...flags], { stdio: 'ignore', cwd: '/', ...OWNER });
    const server = await Postgres.#on(dir, []);
    try {
      await server.restart();
      await server.sql(`create database ${TEMPLATE}`);
      await (await openAt(server.settings(TEMPLATE))).close();
    } finally {
      await server.kill('SIGINT');
    }
  }
}

function openAt(settings: RelationalConfig, more: { onQuery?: QuerySeen } = {}): Promise<Relational> {
  return openServer({ ...settings, resolvePath: (path) => path, applicationName: 'lineside-test', ...more });
}

/** The server's files, with the database of all tables. */
function template(): Promise<string> {
  const migrations = readdirSync(MIGRATIONS).map((name) => join(MIGRATIONS, name));
  return madeOnce('postgresql', { words: [BIN!], files: migrations.sort() }, async (folder) => {
    // Whoever the server runs as need not be let in where the packages are.
    const making = await mkdtemp(join(tmpdir(), 'lineside-initdb-'));
    try {
      await Postgres.make(making);
      execFileSync('cp', ['-a', join(making, 'data'), folder]);
    } finally {
      await rm(making, { recursive: true, force: true });
    }
  });
}

/** The newest that Debian has installed. */
function binaries(): string | undefined {
  const root = '/usr/lib/postgresql';
  if (!existsSync(root)) return undefined;
  const versions = readdirSync(root)
    .map(Number)
    .filter((number) => number >= 15);
  const newest = join(root, String(Math.max(...versions)), 'bin');
  return versions.length > 0 && existsSync(join(newest, 'initdb')) ? newest : undefined;
}

function ownerOf(user: string): { uid: number; gid: number } {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${user}:`) || entry.startsWith('nobody:'));
  const [, , uid, gid] = line!.split(':');
  return { uid: Number(uid), gid: Number(gid) };
}
