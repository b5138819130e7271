/**
 * A disk that can lose its power at any moment. It writes down what a program does to files below one folder, and
 * then makes a folder as a power cut would have left it: what was synced is there; of what was not, any pages are
 * there and any are not, in any order; of a folder's entries, those up to some moment after its last sync.
 */

import { constants } from 'node:fs';
import type * as fs from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';

type FsPromises = typeof fs;

interface File {
  id: number;
}

type Action =
  | { what: 'write'; file: File; at: number; bytes: Buffer }
  | { what: 'truncate'; file: File }
  | { what: 'sync'; file: File }
  | { what: 'syncDir'; dir: string }
  /** An entry of `dir`; `file` is undefined for a folder. */
  | { what: 'link'; dir: string; path: string; file: File | undefined }
  | { what: 'rename'; dir: string; from: string; to: string }
  | { what: 'unlink'; dir: string; path: string };

const PAGE = 4_096;
const SECTOR = 512;
/** Large runs of zeros are one and the same. */
const ZEROS = Buffer.alloc(1024 * 1024);

export class PowerCutDisk {
  readonly #real: FsPromises;
  readonly #actions: Action[] = [];
  readonly #files = new Map<string, File>();
  #root = '';
  #recording = false;

  constructor(real: FsPromises) {
    this.#real = real;
  }

  /** Begins to write down what happens below `root`, which is empty. */
  record(root: string): void {
    this.#root = root;
    this.#recording = true;
    this.#actions.length = 0;
    this.#files.clear();
  }

  stop(): void {
    this.#recording = false;
  }

  /** How much has happened so far: a moment at which the power may be cut. */
  get moment(): number {
    return this.#actions.length;
  }

  /** What is to take the place of `node:fs/promises`. */
  get module(): FsPromises {
    const real = this.#real;
    return {
      ...real,
      open: (async (path: string, flags: string | number = 'r', mode?: number) => {
        const handle = await real.open(path, flags, mode);
        if (!this.#isOurs(path)) return handle;
        // The buffer gives numbers only for a file that is there and that it writes.
        return typeof flags === 'string'
          ? this.#watch(handle, path, flags)
          : this.#watch(handle, path, 'r+', (flags & constants.O_DSYNC) !== 0);
      }) as FsPromises['open'],
      rename: (async (from: string, to: string) => {
        await real.rename(from, to);
        if (!this.#isOurs(to)) return;
        this.#do({ what: 'rename', dir: dirname(to), from, to });
        for (const [path, file] of [...this.#files]) {
          if (path !== from && !path.startsWith(`${from}${sep}`)) continue;
          this.#files.delete(path);
          this.#files.set(to + path.slice(from.length), file);
        }
      }) as FsPromises['rename'],
      rm: (async (path: string, options?: Parameters<FsPromises['rm']>[1]) => {
        await real.rm(path, options);
        if (this.#isOurs(path) && this.#files.delete(path)) this.#do({ what: 'unlink', dir: dirname(path), path });
      }) as FsPromises['rm'],
      mkdir: (async (path: string, options?: Parameters<FsPromises['mkdir']>[1]) => {
        const made = await real.mkdir(path, options);
        if (this.#isOurs(path) && made !== undefined)
          this.#do({ what: 'link', dir: dirname(path), path, file: undefined });
        return made;
      }) as FsPromises['mkdir'],
      writeFile: (async (
        path: string,
        content: string | Uint8Array,
        options?: Parameters<FsPromises['writeFile']>[2],
      ) => {
        await real.writeFile(path, content, options);
        if (!this.#isOurs(path)) return;
        const file = this.#create(path, true);
        this.#do({ what: 'write', file, at: 0, bytes: Buffer.from(content as string) });
      }) as FsPromises['writeFile'],
    };
  }

  /** Leaves in `target`, which does not exist yet, what a cut at `moment` would have. */
  async cut(moment: number, random: () => number, target: string): Promise<void> {
    const actions = this.#actions.slice(0, moment);
    const entries = this.#entries(actions, random);
    await this.#real.mkdir(target, { recursive: true });
    for (const [path, file] of [...entries].sort(([a], [b]) => a.length - b.length)) {
      const place = join(target, relative(this.#root, path));
      if (file) {
        await this.#real.mkdir(dirname(place), { recursive: true });
        await this.#real.writeFile(place, contentOf(actions, file, random));
      } else await this.#real.mkdir(place, { recursive: true });
    }
  }

  /** Each folder's journal is kept up to a moment of its own, not before its last sync. */
  #entries(actions: Action[], random: () => number): Map<string, File | undefined> {
    const synced = new Map<string, number>();
    actions.forEach((action, i) => {
      if (action.what === 'syncDir') synced.set(action.dir, i);
    });
    const until = new Map<string, number>();
    const entries = new Map<string, File | undefined>();
    actions.forEach((action, i) => {
      if (action.what !== 'link' && action.what !== 'rename' && action.what !== 'unlink') return;
      let last = until.get(action.dir);
      if (last === undefined) {
        const from = synced.get(action.dir) ?? -1;
        last = from + Math.floor(random() * (actions.length - from + 1));
        until.set(action.dir, last);
      }
      if (i > last) return;
      if (action.what === 'link') entries.set(action.path, action.file);
      else if (action.what === 'unlink') entries.delete(action.path);
      else if (entries.has(action.from)) {
        entries.set(action.to, entries.get(action.from));
        entries.delete(action.from);
      }
    });
    return entries;
  }

  #watch(handle: FileHandle, path: string, flags: string, syncsWrites = false): FileHandle {
    const isDir = !flags.includes('w') && !flags.includes('+') && !this.#files.has(path);
    const file = flags.includes('w') ? this.#create(path, true) : this.#files.get(path);
    const sync = () => {
      if (file && !isDir) this.#do({ what: 'sync', file });
      else this.#do({ what: 'syncDir', dir: path });
    };
    return new Proxy(handle, {
      get: (target, name) => {
        const method = Reflect.get(target, name, target) as unknown;
        if (typeof method !== 'function') return method;
        if (name === 'sync' || name === 'datasync') {
          return async () => {
            await (method as () => Promise<void>).call(target);
            sync();
          };
        }
        if (name === 'write') {
          return async (bytes: Buffer, offset = 0, length = bytes.length - offset, position?: number) => {
            const at = position ?? this.#sizeOf(file!);
            // Before it is done: a cut may come in the middle.
            this.#do({ what: 'write', file: file!, at, bytes: copyOf(bytes.subarray(offset, offset + length)) });
            const written = await target.write(bytes, offset, length, position);
            if (syncsWrites) sync();
            return written;
          };
        }
        if (name === 'writeFile') {
          return async (content: string | Uint8Array) => {
            this.#do({ what: 'write', file: file!, at: 0, bytes: Buffer.from(content as string) });
            return target.writeFile(content);
          };
        }
        return method.bind(target) as unknown;
      },
    });
  }

  #sizeOf(file: File): number {
    let size = 0;
    for (const action of this.#actions) {
      if (action.what === 'truncate' && action.file === file) size = 0;
      if (action.what === 'write' && action.file === file) size = Math.max(size, action.at + action.bytes.length);
    }
    return size;
  }

  #create(path: string, truncate: boolean): File {
    const known = this.#files.get(path);
    if (known) {
      if (truncate) this.#do({ what: 'truncate', file: known });
      return known;
    }
    const file = { id: this.#actions.length };
    this.#files.set(path, file);
    this.#do({ what: 'link', dir: dirname(path), path, file });
    return file;
  }

  #isOurs(path: string): boolean {
    return this.#recording && (path === this.#root || path.startsWith(`${this.#root}${sep}`));
  }

  #do(action: Action): void {
    this.#actions.push(action);
  }
}

function copyOf(bytes: Buffer): Buffer {
  if (bytes.length <= ZEROS.length && bytes.equals(ZEROS.subarray(0, bytes.length)))
    return ZEROS.subarray(0, bytes.length);
  return Buffer.from(bytes);
}

function contentOf(actions: Action[], file: File, random: () => number): Buffer {
  const synced = actions.findLastIndex((action) => action.what === 'sync' && action.file === file);
  let content = Buffer.alloc(0);
  const put = (at: number, bytes: Buffer) => {
    if (content.length < at + bytes.length)
      content = Buffer.concat([content, Buffer.alloc(at + bytes.length - content.length)]);
    bytes.copy(content, at);
  };
  const loose: { at: number; bytes: Buffer }[] = [];
  actions.forEach((action, i) => {
    if (!('file' in action) || action.file !== file) return;
    if (action.what === 'truncate' && (i <= synced || random() < 0.5)) content = Buffer.alloc(0);
    if (action.what !== 'write') return;
    if (i <= synced) put(action.at, action.bytes);
    else loose.push(...pages(action.at, action.bytes, random() < 0.2 ? SECTOR : PAGE));
  });
  const kept = random();
  for (const { at, bytes } of shuffled(loose, random)) if (random() < kept) put(at, bytes);
  return content;
}

function pages(at: number, bytes: Buffer, size: number): { at: number; bytes: Buffer }[] {
  const parts: { at: number; bytes: Buffer }[] = [];
  for (let from = 0; from < bytes.length; ) {
    const to = Math.min(bytes.length, from + size - ((at + from) % size));
    parts.push({ at: at + from, bytes: bytes.subarray(from, to) });
    from = to;
  }
  return parts;
}

function shuffled<T>(list: T[], random: () => number): T[] {
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [list[i], list[j]] = [list[j]!, list[i]!];
  }
  return list;
}
