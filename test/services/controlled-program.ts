/**
 * One of our programs as a child process that can be started, killed and started again. It never outlives this
 * process: it ends when the IPC channel goes, and it is killed when this process exits in order.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const START_DEADLINE_MS = 90_000;
const STOP_DEADLINE_MS = 10_000;

/** What it told, by IPC and as JSON lines, since its last start. */
export type Told = Record<string, unknown>;

export interface ControlledProgramOptions {
  name: string;
  /** Script and arguments, from the root of the project; asked for at each start. */
  args(): string[];
  /** Variables beside those of this process; asked for at each start. */
  env(): NodeJS.ProcessEnv;
  /** Everything that it writes is appended there. */
  logFile: string;
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export class ControlledProgram {
  readonly #options: ControlledProgramOptions;
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #ending = false;
  #log: WriteStream | undefined;
  #lastLines: string[] = [];
  /** Set when it ended although nobody had ended it. */
  crash = '';

  constructor(options: ControlledProgramOptions) {
    this.#options = options;
  }

  get running(): boolean {
    return this.#child !== undefined;
  }

  /** Resolves with what it told when it is ready. Rejects with its last lines when it ends or says nothing. */
  async start(): Promise<Told> {
    const { name, args, env, logFile } = this.#options;
    if (this.#child) throw new Error(`${name} runs already`);
    this.#log ??= createWriteStream(logFile, { flags: 'a' });
    this.#lastLines = [];
    this.#ending = false;
    const child = spawn(process.execPath, args(), {
      cwd: ROOT,
      env: { ...process.env, JOURNAL_STREAM: undefined, NODE_OPTIONS: undefined, ...env() },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#child = child;
    running.add(child);
    this.#exited = new Promise((resolve) => {
      child.once('close', () => {
        running.delete(child);
        this.#child = undefined;
        resolve();
      });
    });
    const told: Told = {};
    return new Promise((resolve, reject) => {
      const fail = (what: string) => {
        clearTimeout(timer);
        reject(new Error(`${name} ${what}; it said last:\n${this.#lastLines.join('\n')}`));
      };
      const timer = setTimeout(() => fail('is not ready in time'), START_DEADLINE_MS);
      const take = (message: Told) => {
        Object.assign(told, message);
        if (message.ready !== true) return;
        clearTimeout(timer);
        resolve(told);
      };
      child.on('message', (message) => take(message as Told));
      for (const stream of [child.stdout!, child.stderr!]) {
        createInterface({ input: stream }).on('line', (line) => {
          this.#log?.write(`${line}\n`);
          this.#lastLines = [...this.#lastLines, line].slice(-20);
          const entry = jsonOf(line);
          if (entry) take(entry);
        });
      }
      child.once('error', (error) => fail(error.message));
      child.once('exit', (code, signal) => {
        const how = `ended with ${signal ?? `code ${code}`}`;
        if (!this.#ending) this.crash = `${name} ${how}`;
        fail(how);
      });
    });
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    this.#ending = true;
    this.#child?.kill('SIGKILL');
    await this.#exited;
  }

  /** Asks it to end. Rejects when it had to be killed or did not end well. Idempotent. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (!child) return;
    this.#ending = true;
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS);
    await this.#exited;
    clearTimeout(timer);
    if (child.exitCode !== 0) {
      const how = child.signalCode ?? `code ${child.exitCode}`;
      throw new Error(`${this.#options.name} stopped with ${how}; it said last:\n${this.#lastLines.join('\n')}`);
    }
  }

  /** Kills it and closes its log. */
  async dispose(): Promise<void> {
    await this.kill();
    await new Promise<void>((resolve) => (this.#log ? this.#log.end(() => resolve()) : resolve()));
    this.#log = undefined;
  }
}

function jsonOf(line: string): Told | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as Told;
  } catch {
    return undefined;
  }
}
