/**
 * How commands at the hub's machine speak to the hub that runs: a file with what is asked, a file with the answer, in a
 * folder that only the hub's user can enter. So they need no password and no port, and the embedded store, which one
 * process alone can open, is no obstacle.
 */
import { randomBytes } from 'node:crypto';
import { type FSWatcher, watch } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { giveToOwnerOf } from '@lineside/shared/disk/owner.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';

/** How long a command waits for the hub. Milliseconds. */
const PATIENCE_MS = 10_000;
const LOOK_MS = 50;
const MAX_BYTES = 64 * 1024;

const folderOf = (dataDir: string) => join(dataDir, 'requests');

/** Does what is asked; what it throws is told to whoever asked. @param by who asked, such as `root at the hub` */
export type Answerer = (operation: string, body: unknown, by: string) => Promise<unknown>;

export class RequestFolder {
  readonly #folder: string;
  readonly #answerer: Answerer;
  readonly #log: Logger;
  #watcher: FSWatcher | undefined;
  #looking: Promise<void> = Promise.resolve();

  constructor(dataDir: string, answerer: Answerer, log: Logger) {
    this.#folder = folderOf(dataDir);
    this.#answerer = answerer;
    this.#log = log;
  }

  async start(): Promise<void> {
    // What was asked while no hub ran, nobody waits for any more.
    await rm(this.#folder, { recursive: true, force: true });
    await mkdir(this.#folder, { mode: 0o700 });
    this.#watcher = watch(this.#folder, () => this.#look());
    this.#watcher.on('error', (error) =>
      this.#log.warn({ error: messageOf(error) }, 'commands at this machine are not heard'),
    );
  }

  async stop(): Promise<void> {
    this.#watcher?.close();
    await this.#looking;
    await rm(this.#folder, { recursive: true, force: true });
  }

  #look(): void {
    this.#looking = this.#looking.then(async () => {
      const names = await readdir(this.#folder).catch(() => []);
      for (const name of names) if (/^[0-9a-f]{16}\.ask$/.test(name)) await this.#take(name);
    });
  }

  async #take(name: string): Promise<void> {
    const file = join(this.#folder, name);
    try {
      const text = await readFile(file, 'utf8');
      await rm(file);
      if (text.length > MAX_BYTES) return;
      const { operation, body, by } = JSON.parse(text) as { operation: string; body: unknown; by: string };
      const answer = await this.#answerer(operation, body, `${by} at the hub`).then(
        (value) => ({ value }),
        (error: unknown) => ({ error: messageOf(error) }),
      );
      const aside = `${file}.new`;
      await writeFile(aside, JSON.stringify(answer), { mode: 0o600 });
      await rename(aside, file.replace(/ask$/, 'answer'));
    } catch (error) {
      this.#log.warn({ file, error: messageOf(error) }, 'what a command at this machine asks was not understood');
    }
  }
}

/**
 * Asks the hub that runs.
 *
 * @throws LinesideError HUB_NOT_RUNNING, HUB_REFUSED in the hub's words
 */
export async function askHub(dataDir: string, operation: string, body: unknown): Promise<unknown> {
  const folder = folderOf(dataDir);
  const file = join(folder, `${randomBytes(8).toString('hex')}`);
  const notRunning = (cause?: unknown) =>
    new LinesideError(
      'HUB_NOT_RUNNING',
      'config',
      `no hub answers in ${folder}: start it, and run this as its user or as root`,
      { cause },
    );
  try {
    await writeFile(`${file}.new`, JSON.stringify({ operation, body, by: userInfo().username }), {
      mode: 0o600,
      flag: 'wx',
    });
    giveToOwnerOf(folder, `${file}.new`);
    await rename(`${file}.new`, `${file}.ask`);
  } catch (error) {
    throw notRunning(error);
  }
  for (const until = performance.now() + PATIENCE_MS; performance.now() < until; ) {
    const text = await readFile(`${file}.answer`, 'utf8').catch(() => null);
    if (text === null) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      continue;
    }
    await rm(`${file}.answer`, { force: true });
    const { value, error } = JSON.parse(text) as { value?: unknown; error?: string };
    if (error !== undefined) throw new LinesideError('HUB_REFUSED', 'peer', error);
    return value;
  }
  await rm(`${file}.ask`, { force: true });
  throw notRunning();
}
