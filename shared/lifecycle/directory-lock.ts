/**
 * One process for a directory: two that write the same files destroy each other's work, and neither PGlite nor a
 * gateway's buffer would notice.
 *
 * The lock is a file that names its holder. A holder on this host is checked by process id and start time, so an
 * id that was given out again does not count, nor does one that has ended and that its parent has not asked about.
 * A holder on another host (a container whose volume this is) cannot be looked at, so holders touch their file, and
 * one untouched for a minute is taken over.
 *
 * On a full disk the file is a symbolic link to its text, which takes no space of its own: a gateway must be able to
 * start there.
 */
import { readFileSync } from 'node:fs';
import { link, lstat, lutimes, mkdir, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { LinesideError, messageOf } from '../errors/lineside-error.ts';

const TOUCH_MS = 10_000;
const STALE_MS = 60_000;

interface Holder {
  pid: number;
  host: string;
  /** Start of the process in clock ticks since boot; empty where the system does not tell. */
  started: string;
}

export class DirectoryLock {
  readonly #directory: string;
  readonly #file: string;
  #timer: NodeJS.Timeout | undefined;

  constructor(directory: string) {
    this.#directory = directory;
    this.#file = join(directory, 'lock');
  }

  /** Creates the directory if need be. @throws LinesideError `STORE_LOCKED` naming the holder, `STORE_UNUSABLE` */
  async acquire(): Promise<void> {
    const own = join(this.#directory, `lock.${process.pid}.${Math.random().toString(36).slice(2)}`);
    const holder: Holder = { pid: process.pid, host: hostname(), started: processAt(process.pid).started };
    try {
      await mkdir(this.#directory, { recursive: true, mode: 0o700 });
      await write(own, holder);
      // A link appears whole or not at all, and never over another.
      while (!(await linked(own, this.#file))) await this.#takeOver(`${own}.stale`);
    } catch (error) {
      if (error instanceof LinesideError) throw error;
      throw new LinesideError(
        'STORE_UNUSABLE',
        'outside',
        `The directory ${this.#directory} cannot be used: ${messageOf(error)}. Check that it belongs to the user that this program runs as.`,
        { cause: error },
      );
    } finally {
      await rm(own, { force: true }).catch(() => undefined);
    }
    this.#timer = setInterval(() => {
      const now = new Date();
      lutimes(this.#file, now, now).catch(() => undefined);
    }, TOUCH_MS).unref();
  }

  /** Idempotent. */
  async release(): Promise<void> {
    if (!this.#timer) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    await rm(this.#file, { force: true });
  }

  /** Removes the lock of a holder that is gone; throws when it lives. */
  async #takeOver(aside: string): Promise<void> {
    const found = await read(this.#file).catch(() => undefined);
    if (found === undefined) return;
    const holder = parse(found);
    if (await this.#lives(holder)) {
      const where = holder.host === hostname() ? '' : ` on ${holder.host}`;
      throw new LinesideError(
        'STORE_LOCKED',
        'config',
        `The directory ${this.#directory} is held by the process with PID ${holder.pid}${where}. ` +
          'Only one program may use it: stop the other one, or give this one another data directory.',
      );
    }
    // Of two that find the same dead holder, one moves its file; the other must not move the winner's.
    if (
      !(await rename(this.#file, aside).then(
        () => true,
        () => false,
      ))
    )
      return;
    if ((await read(aside)) !== found) await linked(aside, this.#file);
    await rm(aside, { force: true });
  }

  async #lives(holder: Holder): Promise<boolean> {
    if (holder.host !== hostname()) {
      const { mtimeMs } = await lstat(this.#file).catch(() => ({ mtimeMs: 0 }));
      return Date.now() - mtimeMs < STALE_MS;
    }
    try {
      process.kill(holder.pid, 0);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    }
    const { started, ended } = processAt(holder.pid);
    return started === holder.started && !ended;
  }
}

async function write(file: string, holder: Holder): Promise<void> {
  try {
    await writeFile(file, JSON.stringify(holder), { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    await rm(file, { force: true });
    // Short, as a file system has room for some 60 bytes beside the file's other properties.
    await symlink(`${holder.pid} ${holder.started} ${holder.host}`, file);
  }
}

async function read(file: string): Promise<string> {
  return (await lstat(file)).isSymbolicLink() ? readlink(file) : readFile(file, 'utf8');
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** What cannot be read was cut off while it was written, and so has no living holder. */
function parse(text: string): Holder {
  const [, pid, started = '', host = ''] = /^(\d+) (\d*) (.+)$/.exec(text) ?? [];
  if (Number(pid) > 0) return { pid: Number(pid), host, started };
  try {
    const { pid, host, started } = JSON.parse(text) as Holder;
    if (Number.isInteger(pid) && pid > 0 && typeof host === 'string') return { pid, host, started };
  } catch {
    // Falls through.
  }
  return { pid: 0x7fff_ffff, host: hostname(), started: '' };
}

/**
 * What proc_pid_stat(5) tells of a process, after the command's name, which may hold spaces and parentheses: fields 3, 20
 * and 22. One that was killed keeps its id until its parent has asked how it ended, which under a parent that never asks
 * is for ever. It has ended when the last of its threads, which may have been writing, is gone.
 */
function processAt(pid: number): { started: string; ended: boolean } {
  const text = statOf(pid);
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { started: fields[19] ?? '', ended: /^[ZX]/.test(fields[0]!) && Number(fields[17]) <= 1 };
}

/** Empty where the system does not tell, and when the process has gone. */
function statOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return '';
  }
}
