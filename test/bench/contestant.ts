/** A process that is measured beside another one that does the same work, over several rounds. */
import { Program } from '../services/program.ts';
import type { Measured, Order } from './measured-process.ts';

export interface ContestantOptions {
  /** Path of a program that follows orders (measured-process.ts), from the root of the project. */
  script: string;
  profileDir: string | undefined;
  say(line: string): void;
}

export class Contestant<Load> {
  readonly #name: string;
  readonly #program: Program;
  readonly #rounds: Measured[] = [];

  constructor(name: string, { script, profileDir, say }: ContestantOptions) {
    this.#name = name;
    this.#program = new Program({
      name,
      args: [...(profileDir ? ['--cpu-prof', `--cpu-prof-dir=${profileDir}`] : []), script],
      ready: (told) => told.ready === true,
      complain: (line) => say(`  ${name}: ${line}`),
    });
  }

  async start(): Promise<void> {
    await this.#program.start();
  }

  /** Resolves when everything comes. */
  async begin(load: Load): Promise<void> {
    await this.#order({ begin: load }, 'begin');
  }

  /**
   * @param counts whether it is one of the rounds that the figures are made of
   * @throws Error when what came was not what was meant
   */
  async measure(seconds: number, counts: boolean): Promise<Measured> {
    const { measure } = await this.#order({ measure: seconds }, 'measure');
    const measured = measure as Measured;
    if (measured.fault) throw new Error(`${this.#name}: ${measured.fault}`);
    if (counts && measured.count === 0) throw new Error(`${this.#name}: nothing came in ${seconds} s`);
    if (counts) this.#rounds.push(measured);
    return measured;
  }

  async end(): Promise<void> {
    await this.#order({ end: true }, 'end');
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    await this.#program.stop();
  }

  /** All its rounds together. */
  figures(): Figures {
    return figuresOf(this.#rounds);
  }

  #order(order: Order<Load>, answer: string): Promise<Record<string, unknown>> {
    return this.#program.ask(JSON.stringify(order), answer);
  }
}

export interface Figures {
  perSecond: number;
  cpuSecondsPerMillion: number;
  /** Part of the time of one core. */
  coreShare: number;
  /** Most at the end of a round, MiB. */
  rssMb: number;
}

export function figuresOf(rounds: readonly Measured[]): Figures {
  const sum = (of: (round: Measured) => number) => rounds.reduce((all, round) => all + of(round), 0);
  const [count, seconds, cpu] = [sum((r) => r.count), sum((r) => r.seconds), sum((r) => r.cpuSeconds)];
  return {
    perSecond: Math.round(count / seconds),
    cpuSecondsPerMillion: round((cpu / count) * 1e6, 2),
    coreShare: round(cpu / seconds, 3),
    rssMb: Math.round(Math.max(...rounds.map(({ rssMb }) => rssMb))),
  };
}

export function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
