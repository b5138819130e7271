/**
 * How a command of this machine reaches the running hub, which alone may open its stores: a socket in dataDir that the
 * hub's own user may use, and root. One request asks for one thing; the answer is a line of JSON for each step. So a
 * command needs no password and no port.
 */

import { closeSync, constants, openSync } from 'node:fs';
import { chmod, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';

const NAME = 'control.sock';
/** Longer is not possible for a socket's address. Bytes. */
const MAX_ADDRESS = 100;
/** What is asked fits into it many times. Bytes. */
const MAX_BYTES = 64 * 1024;

/**
 * Does what a command asks.
 *
 * @param by who asked, such as `root at the hub`
 * @param onProgress tells the command how far it is
 */
export type Answerer = (body: never, by: string, onProgress: (progress: unknown) => void) => Promise<unknown>;

type Line = { progress: unknown } | { value: unknown } | { error: { code: string; message: string } };

interface Asked {
  body: never;
  by: string;
}

export class ControlSocket {
  readonly #dataDir: string;
  readonly #answerers = new Map<string, Answerer>();
  #server: Server | undefined;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  /** From now on `operation` is answered. */
  answer(operation: string, answerer: Answerer): void {
    this.#answerers.set(operation, answerer);
  }

  /** A file system without sockets does not keep the hub from its work: then this is only logged. */
  async start(log: Logger): Promise<void> {
    try {
      await this.#start();
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'no control socket: commands of this machine do not reach the hub');
    }
  }

  async #start(): Promise<void> {
    const file = join(this.#dataDir, NAME);
    // Of a hub that was killed; a living one holds the lock of the stores.
    await rm(file, { force: true });
    const server = createServer({ keepAlive: false }, (asked, answer) => {
      const answerer = asked.method === 'POST' ? this.#answerers.get(asked.url!.slice(1)) : undefined;
      if (!answerer) {
        answer.writeHead(404).end();
        return;
      }
      answer.writeHead(200, { 'content-type': 'application/x-ndjson' });
      const say = (line: Line) => answer.write(`${JSON.stringify(line)}\n`);
      read(asked)
        .then(({ body, by }) => answerer(body, `${by} at the hub`, (progress) => say({ progress })))
        .then((value) => say({ value: value ?? null }))
        .catch((error: unknown) => {
          const code = error instanceof LinesideError ? error.code : 'HUB_FAILED';
          say({ error: { code, message: messageOf(error) } });
        })
        .finally(() => answer.end());
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
 * Asks the hub that runs on this data.
 *
 * @returns what it answers, never undefined; undefined when no hub runs there
 * @throws LinesideError what the hub says; CONTROL_REFUSED when this user may not ask it
 */
export async function askHub(
  dataDir: string,
  operation: string,
  body: object,
  onProgress: (progress: never) => void = () => undefined,
): Promise<unknown> {
  try {
    return await withAddress(dataDir, (socketPath) => ask(socketPath, operation, body, onProgress));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ECONNREFUSED') return undefined;
    if (code !== 'EACCES') throw error;
    const words = `the hub that runs on ${dataDir} is asked by its own user or by root: use sudo, or sudo -u with the hub's user`;
    throw new LinesideError('CONTROL_REFUSED', 'config', words);
  }
}

async function read(asked: IncomingMessage): Promise<Asked> {
  if (Number(asked.headers['content-length'] ?? 0) > MAX_BYTES) throw new Error('too much was asked at once');
  return JSON.parse(await text(asked)) as Asked;
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
}

function ask(
  socketPath: string,
  operation: string,
  body: object,
  onProgress: (progress: never) => void,
): Promise<unknown> {
  const words = JSON.stringify({ body, by: userInfo().username });
  const headers = { 'content-length': Buffer.byteLength(words) };
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path: `/${operation}`, method: 'POST', headers }, (answer) => {
      if (answer.statusCode === 404) {
        const message = `the hub that runs cannot do this: it is of another version, or not set up for it`;
        reject(new LinesideError('CONTROL_UNKNOWN', 'config', message));
      }
      const lines = createInterface({ input: answer });
      lines.on('line', (said) => {
        const line = JSON.parse(said) as Line;
        if ('progress' in line) onProgress(line.progress as never);
        else if ('value' in line) resolve(line.value);
        else reject(new LinesideError(line.error.code, 'outside', line.error.message));
      });
      lines.once('close', () => {
        reject(new LinesideError('HUB_STOPPED', 'outside', 'the hub has ended before it was done'));
      });
    });
    asked.once('error', reject);
    asked.end(words);
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
