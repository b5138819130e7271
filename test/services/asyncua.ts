/** asyncua, an OPC UA server that others have written, in a virtual environment outside of the repository. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('asyncua-server.py', import.meta.url));

export class AsyncuaServer {
  readonly #child: ChildProcess;
  readonly endpoint: string;

  constructor(child: ChildProcess, endpoint: string) {
    this.#child = child;
    this.endpoint = endpoint;
  }

  /** @param before URIs of namespaces before the machine's own */
  static async start(python: string, port: number, namespace: string, before: string[] = []): Promise<AsyncuaServer> {
    const args = [SCRIPT, `${port}`, namespace, ...before];
    const child = spawn(python, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    const said: string[] = [];
    createInterface({ input: child.stderr }).on('line', (line) => said.push(line));
    const line = await new Promise<string>((resolve, reject) => {
      createInterface({ input: child.stdout }).once('line', resolve);
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`asyncua ended with ${code}:\n${said.slice(-20).join('\n')}`)));
    });
    return new AsyncuaServer(child, (JSON.parse(line) as { endpoint: string }).endpoint);
  }

  /** Writes a line to the server, as asyncua-server.py says. */
  tell(line: string): void {
    this.#child.stdin!.write(`${line}\n`);
  }

  freeze(): void {
    this.#child.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child.kill('SIGCONT');
  }

  /** At once, without a goodbye, as when the power fails. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await exited;
  }
}
