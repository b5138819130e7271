/** One of our programs in a process of its own: started, heard until it is ready, and ended. */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const START_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 15_000;

type Message = Record<string, unknown>;

export interface ProgramOptions {
  name: string;
  /** Node's own options, the script from the root of the project, and its arguments. */
  args: string[];
  /** Whether it is ready with this, which is all that it has told so far. */
  ready(told: Message): boolean;
  /** Takes its log lines of warnings and errors, and whatever else is no log. */
  complain?(line: string): unknown;
}

export class Program {
  readonly #options: ProgramOptions;
  readonly #told: Message = {};
  readonly #lines: string[] = [];
  #child: ChildProcess | undefined;
  #heard: () => void = () => {};

  constructor(options: ProgramOptions) {
    this.#options = options;
  }

  get pid(): number {
    return this.#child!.pid!;
  }

  /** Resolves with what it told, by IPC and as JSON lines on its standard output, up to being ready. */
  async start(): Promise<Message> {
    // Under systemd the programs write for the journal, which is not what is read here.
    const env = { ...process.env, JOURNAL_STREAM: undefined };
    const stdio: StdioOptions = ['pipe', 'pipe', 'pipe', 'ipc'];
    const child = spawn(process.execPath, this.#options.args, { cwd: ROOT, env, stdio });
    this.#child = child;
    child.on('message', (message) => this.#take(message as Message));
    for (const stream of [child.stdout!, child.stderr!]) {
      createInterface({ input: stream }).on('line', (line) => {
        this.#lines.push(line);
        if (this.#lines.length > 20) this.#lines.shift();
        const message = line.startsWith('{') ? (JSON.parse(line) as Message) : undefined;
        if (message) this.#take(message);
        if (!message || /^(warn|error|fatal)$/.test(String(message.level))) this.#options.complain?.(line);
      });
    }
    await this.#wait((told) => this.#options.ready(told));
    return this.#told;
  }

  /** Writes a line to its standard input; resolves with what it has told once `key` has been told anew. */
  async ask(line: string, key: string): Promise<Message> {
    delete this.#told[key];
    this.#child!.stdin!.write(`${line}\n`);
    await this.#wait((told) => key in told);
    return this.#told;
  }

  /** Ends it in order. Idempotent. @throws Error when it had to be killed or failed. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS);
    await exited;
    clearTimeout(timer);
    if (child.exitCode !== 0) throw this.#failure(`ended with ${child.signalCode ?? `code ${child.exitCode}`}`);
  }

  #take(message: Message): void {
    Object.assign(this.#told, message);
    this.#heard();
  }

  #wait(enough: (told: Message) => boolean): Promise<void> {
    const child = this.#child!;
    return new Promise((resolve, reject) => {
      const ended = () => fail('has ended');
      const timer = setTimeout(() => fail('does not answer'), START_DEADLINE_MS);
      const done = () => {
        clearTimeout(timer);
        child.off('exit', ended);
        this.#heard = () => {};
      };
      const fail = (what: string) => {
        done();
        reject(this.#failure(what));
      };
      child.once('exit', ended);
      this.#heard = () => {
        if (!enough(this.#told)) return;
        done();
        resolve();
      };
      this.#heard();
    });
  }

  #failure(what: string): Error {
    return new Error(`${this.#options.name} ${what}; it said last:\n${this.#lines.join('\n')}`);
  }
}
