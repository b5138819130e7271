/** A command of ours as people type it, from the root of the project, run to its end in a process of its own. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { shortLivedFlags } from './short-lived.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** @param args the script, and its arguments */
export function typed(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [...shortLivedFlags(), ...args], { cwd: ROOT }, (error, out, err) =>
      resolve({ code: error ? Number(error.code) : 0, out, err }),
    );
  });
}
