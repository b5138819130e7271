/** One program of the demo: started, watched, started again when it dies, and ended. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, existsSync, renameSync, type WriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const START_DEADLINE_MS = 90_000;
const RESTART_MS = 1_000;

export interface PartOptions {
  name: string;
  /** Script and arguments, from the root of the project. */
  args: string[];
  env: NodeJS.ProcessEnv;
  /** Everything that it writes goes there; the file of the last start is kept as FILE.1. */
  logFile: string;
  /** Lines that a person should see. */
  say(line: string): void;
}

/** What a part tells when it is ready, by IPC or as a JSON line on stdout. */
export type Announcement = Record<string, unknown>;

export class Part {
  readonly #options: PartOptions;
  readonly #announced: Announcement = {};
  #child: ChildProcess | undefined;
  #log: WriteStream | undefined;
  #stopping = false;
  #restart: NodeJS.Timeout | undefined;

  constructor(options: PartOptions) {
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Resolves with what the part announced. @throws LinesideError DEMO_PART_FAILED with the part's own last words. */
  start(): Promise<Announcement> {
    const { logFile } = this.#options;
    if (existsSync(logFile)) renameSync(logFile, `${logFile}.1`);
    this.#log = createWriteStream(logFile);
    return this.#spawn();
  }

  /** Asks it to end, and ends it after `deadlineMs`. Idempotent. */
  async stop(deadlineMs: number): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#restart);
    const child = this.#child;
    if (child && child.exitCode === null && child.signalCode === null) {
      const exited = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), deadlineMs);
      await exited;
      clearTimeout(timer);
    }
    this.#log?.end();
  }

  #spawn(): Promise<Announcement> {
    const { name, args, env } = this.#options;
    // A process group of its own: Ctrl-C reaches only the demo, which then stops its parts in order.
    const child = spawn(process.execPath, args, {
      cwd: ROOT,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#child = child;
    const lastWords: string[] = [];
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(this.#failure(`it is not ready after ${START_DEADLINE_MS / 1000} s`)),
        START_DEADLINE_MS,
      );
      const take = (message: Announcement) => {
        Object.assign(this.#announced, message);
        if (message.ready !== true) return;
        clearTimeout(timer);
        resolve(this.#announced);
      };
      child.on('message', (message) => take(message as Announcement));
      for (const stream of [child.stdout!, child.stderr!]) {
        createInterface({ input: stream }).on('line', (line) => {
          this.#log?.write(`${line}\n`);
          const entry = parseLine(line);
          if (entry?.ready === true) take(entry);
          const words = wordsOf(line, entry);
          if (words === null) return;
          lastWords.push(words);
          if (lastWords.length > 5) lastWords.shift();
        });
      }
      child.once('error', (error) => reject(this.#failure(error.message)));
      child.once('exit', (code, signal) => {
        clearTimeout(timer);
        reject(this.#failure(lastWords.join('\n') || `it ended with ${signal ?? `code ${code}`}`));
        this.#ended(name, signal ?? `code ${code}`);
      });
    });
  }

  /** A part that was killed comes back, as the service manager would bring it back. */
  #ended(name: string, how: string): void {
    if (this.#stopping || this.#announced.ready !== true) return;
    this.#options.say(`${name} ended (${how}); starting it again`);
    this.#restart = setTimeout(() => {
      this.#spawn().then(
        () => this.#options.say(`${name} runs again`),
        (error: Error) => this.#options.say(error.message),
      );
    }, RESTART_MS);
  }

  #failure(reason: string): LinesideError {
    return new LinesideError('DEMO_PART_FAILED', 'outside', `${this.#options.name} did not start: ${reason}`);
  }
}

function parseLine(line: string): (Announcement & { level?: string; msg?: string }) | null {
  if (!line.startsWith('{')) return null;
  try {
    return JSON.parse(line) as Announcement;
  } catch {
    return null;
  }
}

/** What of a line helps a person whose start failed: plain text, and log lines of error or worse. */
function wordsOf(line: string, entry: { level?: string; msg?: string } | null): string | null {
  if (!entry) return line.trim() === '' ? null : line;
  return entry.level === 'error' || entry.level === 'fatal' ? (entry.msg ?? line) : null;
}
