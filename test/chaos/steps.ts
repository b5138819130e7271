/** What can happen to a running plant, and a seeded choice of it. */
import { seededRandom } from '../../demo/random.ts';
import type { PlantRun, ProgramName } from '../services/plant-run.ts';

export interface Step {
  /** In words, for the log of the run. */
  what: string;
  run(plant: PlantRun): Promise<void>;
}

const MACHINES = ['packer', 'moulder', 'pump'];

export class StepChooser {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** A pause before the next step: often short, so that a step hits what the one before has left. Milliseconds. */
  pause(): number {
    return this.#random() < 0.5 ? this.#upTo(300) : this.#upTo(3_000);
  }

  next(): Step {
    const steps = [
      () => this.#kill(['hub']),
      () => this.#kill(['gateway']),
      () => this.#kill(['hub', 'gateway']),
      () => this.#kill(['plant']),
      () => this.#killAtWrite(this.#random() < 0.7 ? 'hub' : 'gateway'),
      () => this.#killAtStart(this.#random() < 0.5 ? 'hub' : 'gateway'),
      () => this.#restart(this.#random() < 0.5 ? 'hub' : 'gateway'),
      () => this.#cut(),
      () => this.#halfOpen(),
      () => this.#slow(),
      () => this.#networkCut(),
    ];
    return this.#oneOf(steps)();
  }

  #upTo(limit: number): number {
    return Math.round(this.#random() * limit);
  }

  #oneOf<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random() * list.length)]!;
  }

  #kill(names: ProgramName[]): Step {
    const ms = this.#upTo(2_000);
    return {
      what: `kill ${names.join(' and ')} for ${ms} ms`,
      async run(plant) {
        await Promise.all(names.map((name) => plant.kill(name)));
        await lasting(ms);
        await Promise.all(names.map((name) => plant.start(name)));
      },
    };
  }

  #killAtWrite(name: 'hub' | 'gateway'): Step {
    const afterMs = this.#upTo(4);
    return {
      what: `kill ${name} ${afterMs} ms into a commit`,
      async run(plant) {
        await plant.killAtWrite(name, afterMs);
        await plant.start(name);
      },
    };
  }

  /** Killed once more before it is up: what a start does must be repeatable at every point. */
  #killAtStart(name: ProgramName): Step {
    const ms = 100 + this.#upTo(1_500);
    return {
      what: `kill ${name}, and again ${ms} ms after its start`,
      async run(plant) {
        await plant.kill(name);
        const failed = plant.start(name).catch(() => undefined);
        await lasting(ms);
        await plant.kill(name);
        await failed;
        await plant.start(name);
      },
    };
  }

  #restart(name: ProgramName): Step {
    return {
      what: `stop ${name} in order and start it`,
      async run(plant) {
        await plant.stop(name);
        await plant.start(name);
      },
    };
  }

  #cut(): Step {
    const ms = this.#upTo(2_000);
    return {
      what: `cut the link for ${ms} ms`,
      async run({ wire }) {
        wire.cut();
        await lasting(ms);
        wire.mend();
      },
    };
  }

  #halfOpen(): Step {
    return {
      what: 'leave the link half open',
      async run({ wire }) {
        wire.halfOpen();
      },
    };
  }

  #slow(): Step {
    const bytesPerSecond = 500 + this.#upTo(20_000);
    const ms = this.#upTo(4_000);
    return {
      what: `${bytesPerSecond} bytes a second on the link for ${ms} ms`,
      async run({ wire }) {
        wire.slow(bytesPerSecond);
        await lasting(ms);
        wire.fast();
      },
    };
  }

  #networkCut(): Step {
    const machine = this.#oneOf(MACHINES);
    const ms = this.#upTo(2_000);
    return {
      what: `cut the network of the ${machine} for ${ms} ms`,
      async run(plant) {
        await plant.fault(machine, 'networkCut', true);
        await lasting(ms);
        await plant.fault(machine, 'networkCut', false);
      },
    };
  }
}

function lasting(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
