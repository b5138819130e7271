/**
 * One of our programs in a process of its own: started, heard until it is ready, ended or killed, and started again.
 * It never outlives this process: it ends when the IPC channel goes, and it is killed when this process exits in order.
 */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { shortLivedFlags } from './short-lived.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const START_DEADLINE_MS = 90_000;
const STOP_DEADLINE_MS = 15_000;

/** What it told, by IPC and as JSON lines, since its last start. */
export type Told = Record<string, unknown>;

export interface ProgramOptions {
  name: string;
  /** Node's own options, the script from the root of the project, and its arguments; a function is asked at each start. */
  args: string[] | (() => string[]);
  /** Variables beside those of this process; asked for at each start. */
  env?(): NodeJS.ProcessEnv;
  /** Whether it is ready with this, which is all that it has told so far; by default when it says `ready: true`. */
  ready?(told: Told): boolean;
  /** Takes each line that it writes, to standard output or standard error. */
  hear?(line: string): void;
  /** Takes its log lines of warnings and errors, and whatever else is no log. */
  complain?(line: string): unknown;
  /** Everything that it writes is appended there. */
  logFile?: string;
  /** How long it may take to be ready. Milliseconds. */
  startDeadlineMs?: number;
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export class Program {
  readonly #options: ProgramOptions;
  #told: Told = {};
  #lines: string[] = [];
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #ending = false;
  #log: WriteStream | undefined;
  #heard: () => void = () => {};
  /** Set when it ended although nobody had ended it. */
  crash = '';

  constructor(options: ProgramOptions) {
    this.#options = options;
  }

  /** Of the last start. */
  get pid(): number {
    return this.#child!.pid!;
  }

  get running(): boolean {
    return this.#child !== undefined && running.has(this.#child);
  }

  /**
   * Resolves with what it told up to being ready.
   * @throws Error with its last lines when it ends before that or says nothing
   */
  async start(): Promise<Told> {
    const { name, args, env, ready = ({ ready }) => ready === true, logFile } = this.#options;
    if (this.running) throw new Error(`${name} runs already`);
    if (logFile) this.#log ??= createWriteStream(logFile, { flags: 'a' });
    this.#told = {};
    this.#lines = [];
    this.#ending = false;
    const stdio: StdioOptions = ['pipe', 'pipe', 'pipe', 'ipc'];
    const child = spawn(process.execPath, [...shortLivedFlags(), ...(typeof args === 'function' ? args() : args)], {
      cwd: ROOT,
      // Under systemd the programs write for the journal, which is not what is read here.
      env: { ...process.env, JOURNAL_STREAM: undefined, NODE_OPTIONS: undefined, ...env?.() },
      stdio,
    });
    this.#child = child;
    running.add(child);
    this.#exited = new Promise((resolve) => {
      child.once('error', (error) => this.#hear(error.message));
      child.once('close', (code, signal) => {
        running.delete(child);
        if (!this.#ending) this.crash = `${name} ended with ${signal ?? `code ${code}`}`;
        resolve();
      });
    });
    child.on('message', (message) => this.#take(message as Told));
    for (const stream of [child.stdout!, child.stderr!]) {
      createInterface({ input: stream }).on('line', (line) => this.#hear(line));
    }
    return this.#wait(ready);
  }

  /** Writes a line to its standard input; resolves with what it has told once `key` has been told anew. */
  async ask(line: string, key: string): Promise<Told> {
    delete this.#told[key];
    this.#child!.stdin!.write(`${line}\n`);
    return this.#wait((told) => key in told);
  }

  /** Sends a signal; resolves when it is gone with its exit code, null when a signal has ended it. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    this.#ending = true;
    if (this.running) child?.kill(signal);
    const timer = setTimeout(() => child?.kill('SIGKILL'), STOP_DEADLINE_MS);
    await this.#exited;
    clearTimeout(timer);
    return child?.exitCode ?? null;
  }

  /** It does nothing until `thaw`. A kill ends it all the same. */
  freeze(): void {
    if (this.running) this.#child!.kill('SIGSTOP');
  }

  thaw(): void {
    if (this.running) this.#child!.kill('SIGCONT');
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  /** Ends it in order. Idempotent. @throws Error when it had to be killed or failed. */
  async stop(): Promise<void> {
    if (!this.running) return;
    if ((await this.end('SIGTERM')) !== 0) throw this.#failure(this.#how());
  }

  /** Kills it and closes its log. */
  async dispose(): Promise<void> {
    await this.kill();
    await new Promise<void>((resolve) => (this.#log ? this.#log.end(() => resolve()) : resolve()));
    this.#log = undefined;
  }

  #hear(line: string): void {
    const { hear, complain } = this.#options;
    this.#log?.write(`${line}\n`);
    this.#lines.push(line);
    if (this.#lines.length > 20) this.#lines.shift();
    const message = jsonOf(line);
    if (message) this.#take(message);
    hear?.(line);
    if (!message || /^(warn|error|fatal)$/.test(String(message.level))) complain?.(line);
  }

  #take(message: Told): void {
    Object.assign(this.#told, message);
    this.#heard();
  }

  /** Resolves with what was told up to then: a line of the log may have fields of the same names, such as `url`. */
  #wait(enough: (told: Told) => boolean): Promise<Told> {
    return new Promise((resolve, reject) => {
      let open = true;
      const settle = (act: () => void) => {
        if (!open) return;
        open = false;
        clearTimeout(timer);
        this.#heard = () => {};
        act();
      };
      const fail = (what: string) => settle(() => reject(this.#failure(what)));
      const timer = setTimeout(() => fail('does not answer'), this.#options.startDeadlineMs ?? START_DEADLINE_MS);
      this.#heard = () => {
        const told = { ...this.#told };
        if (enough(told)) settle(() => resolve(told));
      };
      void this.#exited.then(() => fail(this.#how()));
      this.#heard();
    });
  }

  #how(): string {
    const { exitCode, signalCode } = this.#child!;
    return `ended with ${signalCode ?? `code ${exitCode}`}`;
  }

  #failure(what: string): Error {
    return new Error(`${this.#options.name} ${what}; it said last:\n${this.#lines.join('\n')}`);
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
