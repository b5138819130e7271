/** Programs that others wrote, as partners of a test; each may be missing. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Whether a command runs and ends well. */
export function works(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

export interface Tool {
  readonly pid: number;
  /** What it has printed so far. */
  output(): string;
  stop(): Promise<void>;
}

/** Starts a tool. Its outputs are read to the end, so that it never waits for a reader. */
export function tool(command: string, args: string[], env: Record<string, string> = {}): Tool {
  const child: ChildProcess = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  const ended = once(child, 'exit').catch(() => undefined);
  let text = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.on('data', (bytes: Buffer) => {
      text = (text + bytes.toString()).slice(-20_000);
    });
  }
  return {
    pid: child.pid ?? 0,
    output: () => text,
    stop: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** Resolves when something listens on the port of 127.0.0.1 (or, with a connection to lose, took one). */
export async function listens(port: number): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    const socket = connect(port, '127.0.0.1');
    const open = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    socket.destroy();
    if (open) return;
    await sleep(10);
  }
  throw new Error(`nothing listens on port ${port}`);
}
