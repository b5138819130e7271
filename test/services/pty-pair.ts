/** Two serial ports on this machine that are wired to each other, or one that is wired to a TCP port; by socat. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

export const hasSocat = spawnSync('socat', ['-V']).status === 0;

export interface Wiring {
  /** The serial port for the program under test. */
  path: string;
  /** The other end, when it is a serial port too. */
  farPath: string;
  close(): Promise<void>;
}

/**
 * @param dir a folder of the test, for the names of the ports
 * @param tcpPort wires the port to this one on 127.0.0.1 instead of to another serial port
 */
export async function wire(dir: string, tcpPort?: number): Promise<Wiring> {
  const path = join(dir, 'near');
  const farPath = join(dir, 'far');
  const far = tcpPort === undefined ? `PTY,raw,echo=0,link=${farPath}` : `TCP:127.0.0.1:${tcpPort},nodelay`;
  const socat: ChildProcess = spawn('socat', [`PTY,raw,echo=0,link=${path}`, far], { stdio: 'ignore' });
  const ended = once(socat, 'exit');
  const until = Date.now() + 5_000;
  while (!existsSync(path) || (tcpPort === undefined && !existsSync(farPath))) {
    if (socat.exitCode !== null || Date.now() > until) throw new Error('socat made no serial port');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return {
    path,
    farPath,
    close: async () => {
      socat.kill();
      await ended;
    },
  };
}
