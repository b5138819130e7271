/** What all machines of the plant have in common: a state that runs through its sequence, and stoppages by chance. */
import { between, type Random } from '../random.ts';
import { type FaultName, inShortSteps, type Machine, type MachineName, type Values } from './machine.ts';
import { type Demand, packml, StateSequence } from './packml.ts';
import { happens } from './physics.ts';

/** How often a machine stops by chance while it produces, and for how long: from and to. Seconds. */
export interface Stoppages {
  /** A jam comes once in so long on average. */
  heldEvery: number;
  /** The same while the fault `microStops` is on. */
  heldOftenEvery: number;
  held: readonly [number, number];
  suspendedEvery: number;
  suspended: readonly [number, number];
}

export abstract class PlantMachine implements Machine {
  abstract readonly name: MachineName;
  readonly faults = new Set<FaultName>();
  protected readonly random: Random;
  protected readonly sequence = new StateSequence();
  readonly #stoppages: Stoppages;

  constructor(random: Random, stoppages: Stoppages) {
    this.random = random;
    this.#stoppages = stoppages;
  }

  abstract values(): Values;
  abstract resetCounters(): void;
  /** What is asked of it now; may move on what that depends on. */
  protected abstract demand(seconds: number): Demand;
  /** Moves its values on, after its state. */
  protected abstract advance(seconds: number, running: boolean): void;

  get state(): number {
    return this.sequence.state;
  }

  step(seconds: number): void {
    inShortSteps(seconds, (dt) => {
      const { random, sequence } = this;
      const { heldEvery, heldOftenEvery, held, suspendedEvery, suspended } = this.#stoppages;
      sequence.step(dt, this.demand(dt));
      const heldNow = this.faults.has('microStops') ? heldOftenEvery : heldEvery;
      if (happens(random, dt, heldNow)) sequence.hold(between(random, ...held));
      if (happens(random, dt, suspendedEvery)) sequence.suspend(between(random, ...suspended));
      this.advance(dt, this.state === packml.execute);
    });
  }
}
