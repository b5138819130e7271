/** A real Mosquitto on a private port, which can be killed and started again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from './free-ports.ts';
import { listens, works } from './outside-tools.ts';

export const hasMosquitto = works('which', 'mosquitto');

export class Mosquitto {
  readonly #config: string;
  readonly port: number;
  #process: ChildProcess | undefined;

  private constructor(config: string, port: number) {
    this.#config = config;
    this.port = port;
  }

  /** @param settings lines of mosquitto.conf; by default all is as Mosquitto has it, and it keeps messages in `dir` */
  static async start(dir: string, settings: string[] = []): Promise<Mosquitto> {
    const [port] = await freePorts(1);
    const config = join(dir, 'mosquitto.conf');
    const user = process.getuid?.() === 0 ? ['user root'] : [];
    const own = [`listener ${port} 127.0.0.1`, 'persistence true', `persistence_location ${dir}/`, ...user];
    const open = settings.some((line) => line.startsWith('allow_anonymous')) ? [] : ['allow_anonymous true'];
    writeFileSync(config, [...own, ...open, ...settings, ''].join('\n'));
    const broker = new Mosquitto(config, port!);
    await broker.restart();
    return broker;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  async restart(): Promise<void> {
    this.#process = spawn('mosquitto', ['-c', this.#config], { stdio: 'ignore' });
    await listens(this.port);
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    if (!running || running.exitCode !== null) return;
    const ended = once(running, 'exit');
    running.kill(signal);
    await ended;
  }
}
