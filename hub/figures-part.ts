/**
 * The figures of running shifts, among several hubs: the one that runs the jobs makes them and keeps the newest in the
 * database, the others read them there.
 */
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { AndonBoard, MachineFigures } from './andon/board.ts';
import { keepFigures, listFigures } from './store/postgres/machine-figures.ts';
import type { Relational } from './store/postgres/relational.ts';

const PERIOD_MS = 2_000;

export interface FiguresPartOptions {
  relational: Relational;
  board: AndonBoard;
  /** Whether there are others. */
  replicated: boolean;
  runsJobs(): boolean;
  log: Logger;
  now(): number;
}

export class FiguresPart {
  readonly #options: FiguresPartOptions;
  #fresh = new Map<string, MachineFigures>();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: FiguresPartOptions) {
    this.#options = options;
  }

  /** This hub has made them. */
  made(path: string, figures: MachineFigures): void {
    this.#options.board.setFigures(path, figures);
    if (this.#options.replicated) this.#fresh.set(path, figures);
  }

  start(): void {
    if (!this.#options.replicated) return;
    const look = () => {
      this.#running = this.#running
        .then(() => this.#exchange())
        .catch((error: unknown) => this.#options.log.debug({ error: messageOf(error) }, 'figures not exchanged'));
    };
    this.#timer = setInterval(look, PERIOD_MS);
    look();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
  }

  async #exchange(): Promise<void> {
    const { relational, board, runsJobs, now } = this.#options;
    if (runsJobs()) {
      const fresh = [...this.#fresh].map(([path, body]) => ({ path, body }));
      this.#fresh = new Map();
      await keepFigures(relational.db, fresh, now());
    } else for (const { path, body } of await listFigures(relational.db)) board.setFigures(path, body);
  }
}
