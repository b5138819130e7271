/** pysparkplug, Sparkplug B that others have written, in a virtual environment outside of the repository. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { pythonOf } from './python-peers.ts';

const SCRIPT = fileURLToPath(new URL('pysparkplug-peer.py', import.meta.url));

interface PeerMetric {
  name: string;
  type: string;
  value: unknown;
  historical: boolean;
  null: boolean;
  timed: boolean;
}

export interface PeerMessage {
  type: string;
  device: string | null;
  seq: number | null;
  qos: number;
  metrics: PeerMetric[];
}

export class PysparkplugPeer {
  readonly heard: PeerMessage[] = [];
  /** What it has complained of. */
  errors = '';
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(role: 'host' | 'node', port: number, group: string, node: string): Promise<PysparkplugPeer> {
    const child = spawn(pythonOf('pysparkplug')!, [SCRIPT, role, `${port}`, group, node]);
    const peer = new PysparkplugPeer(child);
    child.stderr.on('data', (bytes: Buffer) => {
      peer.errors = (peer.errors + bytes.toString()).slice(-10_000);
    });
    await new Promise<void>((resolve, reject) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        const said = JSON.parse(line) as PeerMessage & { ready?: boolean };
        if (said.ready) resolve();
        else peer.heard.push(said);
      });
      child.once('exit', () => reject(new Error(`pysparkplug ended:\n${peer.errors}`)));
    });
    return peer;
  }

  /** As pysparkplug-peer.py says. */
  order(what: Record<string, unknown>): void {
    this.#child.stdin!.write(`${JSON.stringify(what)}\n`);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await exited;
  }
}
