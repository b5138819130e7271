/**
 * PGlite's file system on real files, with an fsync that reaches the disk.
 *
 * PGlite starts PostgreSQL with fsync off (`-F`), and its NODEFS has no fsync to call: a power cut then loses
 * everything of the last minutes or leaves a database that does not open.
 */
import { closeSync, constants, fsyncSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { PGlite } from '@electric-sql/pglite';
import { NodeFS } from '@electric-sql/pglite/nodefs';
import type { Diagnostics } from './pglite-protocol.ts';

type InitOptions = Parameters<NodeFS['init']>[1];
/** The parts of Emscripten's NODEFS that are used here. */
interface NodeFsInternals {
  stream_ops: { fsync?: (stream: { nfd: number; node: { mode: number } }) => number };
}

/** WASI's number for it, which is what Emscripten's libc expects. */
const EIO = 29;
const { S_IFMT, S_IFDIR } = constants;

export class SyncedNodeFs extends NodeFS {
  readonly diagnostics: Diagnostics = { fileSyncs: 0, directorySyncs: 0 };

  override async init(pg: PGlite, options: InitOptions): ReturnType<NodeFS['init']> {
    const { emscriptenOpts } = await super.init(pg, options);
    const preRun = [...(emscriptenOpts.preRun ?? [])];
    preRun.push((module) => {
      (module.NODEFS as unknown as NodeFsInternals).stream_ops.fsync = ({ nfd, node }) => {
        try {
          fsyncSync(nfd);
        } catch {
          // PostgreSQL stops at this, as it must: after a failed sync nobody knows what is on the disk.
          return EIO;
        }
        if ((node.mode & S_IFMT) === S_IFDIR) this.diagnostics.directorySyncs++;
        else this.diagnostics.fileSyncs++;
        return 0;
      };
    });
    return { emscriptenOpts: { ...emscriptenOpts, preRun } };
  }
}

/** fsync of every file and directory below, and of the directory itself. */
export function syncTree(directory: string): void {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) syncTree(path);
    else if (entry.isFile()) syncFile(path);
  }
  syncDirectory(directory);
}

export function syncDirectory(path: string): void {
  syncFile(path);
}

function syncFile(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
