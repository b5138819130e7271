/**
 * How a command of this machine reaches the running hub, which alone may open its stores: a socket in dataDir that the
 * hub's own user may use, and root. One request asks for a backup; the answer is a line of JSON for each step.
 */

import { closeSync, constants, openSync } from 'node:fs';
import { chmod, rm } from 'node:fs/promises';
import { createServer, request, type Server } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { MadeBackup } from './make-backup.ts';
import type { OnProgress, Progress } from './manifest.ts';

const NAME = 'control.sock';
const PATH = '/backup';
/** Longer is not possible for a socket's address. Bytes. */
const MAX_ADDRESS = 100;

type Line = { progress: Progress } | { path: string } | { error: { code: string; message: string } };

export class ControlSocket {
  readonly #dataDir: string;
  readonly #make: (onProgress: OnProgress) => Promise<MadeBackup>;
  #server: Server | undefined;

  constructor(dataDir: string, make: (onProgress: OnProgress) => Promise<MadeBackup>) {
    this.#dataDir = dataDir;
    this.#make = make;
  }

  async start(): Promise<void> {
    const file = join(this.#dataDir, NAME);
    // Of a hub that was killed; a living one holds the lock of the stores.
    await rm(file, { force: true });
    const server = createServer({ keepAlive: false }, (asked, answer) => {
      if (asked.method !== 'POST' || asked.url !== PATH) {
        answer.writeHead(404).end();
        return;
      }
      answer.writeHead(200, { 'content-type': 'application/x-ndjson' });
      const say = (line: Line) => answer.write(`${JSON.stringify(line)}\n`);
      this.#make((progress) => say({ progress })).then(
        ({ path }) => {
          say({ path });
          answer.end();
        },
        (error: unknown) => {
          const code = error instanceof LinesideError ? error.code : 'BACKUP_FAILED';
          say({ error: { code, message: messageOf(error) } });
          answer.end();
        },
      );
    });
    this.#server = server;
    await withAddress(this.#dataDir, (path) => listen(server, path));
    await chmod(file, 0o600);
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (!server) return;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
    await rm(join(this.#dataDir, NAME), { force: true });
  }
}

/**
 * Has the hub that runs on this data make a backup.
 *
 * @returns its folder; undefined when no hub runs there
 * @throws LinesideError what the hub says; CONTROL_REFUSED when this user may not ask it
 */
export async function askForBackup(dataDir: string, onProgress: OnProgress): Promise<string | undefined> {
  try {
    return await withAddress(dataDir, (socketPath) => ask(socketPath, onProgress));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ECONNREFUSED') return undefined;
    if (code !== 'EACCES') throw error;
    const words = `the hub that runs on ${dataDir} is asked by its own user or by root: use sudo, or sudo -u with the hub's user`;
    throw new LinesideError('CONTROL_REFUSED', 'config', words);
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
}

function ask(socketPath: string, onProgress: OnProgress): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path: PATH, method: 'POST' }, (answer) => {
      const lines = createInterface({ input: answer });
      lines.on('line', (text) => {
        const line = JSON.parse(text) as Line;
        if ('progress' in line) onProgress(line.progress);
        else if ('path' in line) resolve(line.path);
        else reject(new LinesideError(line.error.code, 'outside', line.error.message));
      });
      lines.once('close', () => {
        reject(new LinesideError('BACKUP_STOPPED', 'outside', 'the hub has ended before the backup was made'));
      });
    });
    asked.once('error', reject);
    asked.end();
  });
}

/** The socket's address, through the open folder when its path is longer than an address may be. */
async function withAddress<T>(dataDir: string, use: (path: string) => Promise<T>): Promise<T> {
  const path = join(dataDir, NAME);
  if (Buffer.byteLength(path) <= MAX_ADDRESS) return use(path);
  const folder = openSync(dataDir, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return await use(`/proc/self/fd/${folder}/${NAME}`);
  } finally {
    closeSync(folder);
  }
}
