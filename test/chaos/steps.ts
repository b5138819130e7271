/** What can happen to a running plant, and a seeded choice of it. */
import { type Random, seededRandom } from '../../demo/random.ts';
import type { ProgramName } from '../services/plant-run.ts';
import { type DamageKind, damageTail } from './damage.ts';
import { oneOf, type World } from './world.ts';

export interface Step {
  /** In words, for the log of the run. */
  what: string;
  /** @returns what else is to be said */
  run(world: World): Promise<string | undefined>;
}

/** How long something stays dead, cut or slow, at most. Milliseconds. */
const LONGEST_MS = 1_500;
/** Two settings of the clock are so far apart, at least, that a time tells under which it was taken. */
const HOUR_S = 3_600;

/** Chooses for one run; the same seed chooses the same for the same kind of world. */
export class StepChooser {
  readonly #random: Random;
  readonly #steps: (() => Step)[];

  constructor(seed: number, world: World) {
    this.#random = seededRandom(seed);
    const { hasDisk, clock, plant } = world;
    const often = (times: number, step: () => Step) => Array.from({ length: times }, () => step);
    this.#steps = [
      ...often(3, () => this.#kill(['gateway'])),
      ...often(2, () => this.#kill(['hub'])),
      () => this.#kill(['hub', 'gateway']),
      () => this.#kill(['plant']),
      ...often(2, () => this.#killAtWrite(this.#random() < 0.5 ? 'hub' : 'gateway')),
      () => this.#killAtStart(this.#random() < 0.3 ? 'hub' : 'gateway'),
      () => this.#restart(this.#random() < 0.3 ? 'hub' : 'gateway'),
      ...often(4, () => this.#cut()),
      () => this.#halfOpen(),
      ...often(3, () => this.#slow()),
      ...often(3, () => this.#networkCut(world.devices)),
      ...often(4, () => this.#damage(oneOf(this.#random, ['flip', 'tear', 'cut'] as const))),
      ...(plant.broker ? often(4, () => this.#killBroker()) : []),
      ...(hasDisk ? often(3, () => this.#fullDisk()) : []),
      ...(clock ? often(4, () => this.#setClock()) : []),
    ];
  }

  /** One step, often two: the second then hits what the first has left. */
  choose(): Step[] {
    return Array.from({ length: this.#random() < 0.4 ? 2 : 1 }, () => oneOf(this.#random, this.#steps)());
  }

  #upTo(limit: number): number {
    return Math.round(this.#random() * limit);
  }

  #kill(names: ProgramName[]): Step {
    const ms = this.#upTo(LONGEST_MS);
    return step(`kill ${names.join(' and ')} for ${ms} ms`, async (world) => {
      await Promise.all(names.map((name) => kill(world, name)));
      await lasting(ms);
      await Promise.all(names.map((name) => world.plant.start(name)));
    });
  }

  #killAtWrite(name: 'hub' | 'gateway'): Step {
    const afterMs = this.#upTo(4);
    return step(`kill ${name} ${afterMs} ms into a commit`, async ({ plant }) => {
      await plant.killAtWrite(name, afterMs);
      await plant.start(name);
    });
  }

  /** Killed once more before it is up: what a start does must be repeatable at every point. */
  #killAtStart(name: ProgramName): Step {
    const ms = 100 + this.#upTo(LONGEST_MS);
    return step(`kill ${name}, and again ${ms} ms after its start`, async (world) => {
      await kill(world, name);
      const failed = world.plant.start(name).catch(() => undefined);
      await lasting(ms);
      await world.plant.kill(name);
      await failed;
      await world.plant.start(name);
    });
  }

  #restart(name: ProgramName): Step {
    return step(`stop ${name} in order and start it`, async ({ plant }) => {
      await plant.stop(name);
      await plant.start(name);
    });
  }

  #killBroker(): Step {
    const ms = this.#upTo(LONGEST_MS);
    return step(`kill the broker for ${ms} ms`, async ({ plant }) => {
      await plant.broker!.kill();
      await lasting(ms);
      await plant.broker!.restart();
    });
  }

  #cut(): Step {
    const ms = this.#upTo(LONGEST_MS);
    return step(`cut the link for ${ms} ms`, async ({ plant: { wire } }) => {
      wire.cut();
      await lasting(ms);
      wire.mend();
    });
  }

  #halfOpen(): Step {
    return step('leave the link half open', async ({ plant }) => plant.wire.halfOpen());
  }

  #slow(): Step {
    const bytesPerSecond = 500 + this.#upTo(10_000);
    const ms = this.#upTo(2 * LONGEST_MS);
    return step(`${bytesPerSecond} bytes a second on the link for ${ms} ms`, async ({ plant: { wire } }) => {
      wire.slow(bytesPerSecond);
      await lasting(ms);
      wire.fast();
    });
  }

  #networkCut(machines: readonly string[]): Step {
    const machine = oneOf(this.#random, machines);
    const ms = this.#upTo(LONGEST_MS);
    return step(`cut the network of the ${machine} for ${ms} ms`, async ({ plant }) => {
      await plant.fault(machine, 'networkCut', true);
      await lasting(ms);
      await plant.fault(machine, 'networkCut', false);
    });
  }

  /** Of a buffer that holds what the hub does not have, when the link was cut before. */
  #damage(kind: DamageKind): Step {
    const ms = this.#random() < 0.7 ? 300 + this.#upTo(LONGEST_MS) : 0;
    const link = ms > 0 ? `cut the link, ${ms} ms later ` : '';
    return step(`${link}kill the gateway and damage its newest file`, async (world) => {
      if (ms > 0) world.plant.wire.cut();
      await lasting(ms);
      const done = await this.#killAndDamage(world, kind);
      await world.plant.start('gateway');
      world.plant.wire.mend();
      return done;
    });
  }

  /** The file's end is taken away, for a file that has its place on the disk already needs no more of it. */
  #fullDisk(): Step {
    const ms = 500 + this.#upTo(LONGEST_MS);
    return step(`kill the gateway, cut its newest file, and fill its disk for ${ms} ms`, async (world) => {
      const { plant } = world;
      const done = await this.#killAndDamage(world, 'cut');
      world.fillDisk();
      await plant.start('gateway');
      await plant.until('the full disk is told', ({ buffer }) => buffer.fault !== '');
      await lasting(ms);
      world.freeDisk();
      await plant.until('the disk is written again', ({ buffer }) => buffer.fault === '');
      return done;
    });
  }

  async #killAndDamage(world: World, kind: DamageKind): Promise<string | undefined> {
    await world.killGateway();
    await world.remember();
    return damageTail(world.plant.bufferDir, kind, this.#random);
  }

  #setClock(): Step {
    const seconds = (1 + this.#upTo(20)) * HOUR_S * (this.#random() < 0.5 ? -1 : 1) + this.#upTo(HOUR_S / 2);
    return step(`set the gateway's clock ${seconds} s off`, async (world) => world.setClock(seconds));
  }
}

/** @param run what it resolves with is said, when it is text */
function step(what: string, run: (world: World) => Promise<unknown>): Step {
  return {
    what,
    async run(world) {
      const more = await run(world);
      return typeof more === 'string' ? more : undefined;
    },
  };
}

/** The gateway's counts go with it. */
function kill(world: World, name: ProgramName): Promise<void> {
  return name === 'gateway' ? world.killGateway() : world.plant.kill(name);
}

function lasting(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
