/** The packaging machine: seals products in film, 120 packs a minute. */
import type { Random } from '../random.ts';
import type { Values } from './machine.ts';
import { type Demand, packml } from './packml.ts';
import { Lag, ramp, Wander } from './physics.ts';
import { PlantMachine, type Stoppages } from './plant-machine.ts';

const RATED_PACKS_PER_MINUTE = 120;
const SEAL_NORMAL_C = 150;
/** Where the jaws settle with the heater stuck on: 185 °C is passed after one time constant. */
const SEAL_STUCK_C = 205;
const SEAL_LIMIT_C = 185;
const PACKS_PER_ROLL = 2_400;
const ROLL_CHANGE_S = 12;

/** Bits of the alarm word. */
const alarmBits = { filmLow: 1, sealOverTemperature: 2, jam: 4, guardOpen: 8 };

const STOPPAGES: Stoppages = {
  heldEvery: 400,
  heldOftenEvery: 8,
  held: [3, 7],
  suspendedEvery: 240,
  suspended: [4, 10],
};

export class Packer extends PlantMachine {
  override readonly name = 'packer';
  readonly #speed = new Lag(0, 1.5);
  readonly #seal = new Lag(SEAL_NORMAL_C, 15);
  readonly #motor = new Lag(45, 120);
  readonly #tension = new Lag(8, 1);
  readonly #speedNoise: Wander;
  readonly #sealNoise: Wander;
  readonly #motorNoise: Wander;
  readonly #tensionNoise: Wander;
  #processed = 0;
  #defective = 0;
  #nextPack = 0;
  /** What is left of the film roll, 1 to 0. */
  #film = 1;
  /** Wear of the sealing jaws, 0 to 1; at 1 they are changed with the film. */
  #jawWear = 0.1;
  #secondsStopped = 0;

  constructor(random: Random) {
    super(random, STOPPAGES);
    this.#speedNoise = new Wander(random, 0.8, 5);
    this.#sealNoise = new Wander(random, 0.5, 4);
    this.#motorNoise = new Wander(random, 0.15, 4);
    this.#tensionNoise = new Wander(random, 0.6, 2);
  }

  protected override demand(): Demand {
    return { stop: this.faults.has('stop'), enabled: true };
  }

  protected override advance(dt: number, running: boolean): void {
    this.#secondsStopped = this.state === packml.stopped ? this.#secondsStopped + dt : 0;
    this.#speed.step(dt, running ? RATED_PACKS_PER_MINUTE : 0);
    this.#seal.step(dt, this.faults.has('overheat') ? SEAL_STUCK_C : SEAL_NORMAL_C);
    this.#motor.step(dt, 24 + 0.25 * this.#speed.value);
    this.#tension.step(dt, running ? 32 : 8);
    for (const noise of [this.#speedNoise, this.#sealNoise, this.#motorNoise, this.#tensionNoise]) noise.step(dt);
    if (running) this.#produce(dt);
  }

  #produce(dt: number): void {
    this.#nextPack += (this.#speed.value / 60) * dt;
    while (this.#nextPack >= 1) {
      this.#nextPack -= 1;
      this.#processed += 1;
      if (this.random() < this.#defectChance()) this.#defective += 1;
      this.#film -= 1 / PACKS_PER_ROLL;
      this.#jawWear += 1 / 200_000;
    }
    if (this.#film > 0) return;
    this.sequence.suspend(ROLL_CHANGE_S);
    this.#film = 1;
    if (this.#jawWear > 1) this.#jawWear = 0;
  }

  #defectChance(): number {
    return 0.006 + 0.02 * this.#jawWear + 0.3 * ramp(this.#seal.value, 170, 195);
  }

  override values(): Values {
    const moving = this.#speed.value > 1;
    return {
      StateCurrent: this.state,
      ProdProcessedCount: this.#processed,
      ProdDefectiveCount: this.#defective,
      CurMachSpeed: moving ? this.#speed.value + this.#speedNoise.value : 0,
      SealTemperature: this.#seal.value + this.#sealNoise.value,
      MotorTemperature: this.#motor.value + this.#motorNoise.value,
      FilmTension: this.#tension.value + this.#tensionNoise.value,
      AlarmWord: this.#alarmWord(),
    };
  }

  #alarmWord(): number {
    let word = 0;
    if (this.#film < 0.08) word |= alarmBits.filmLow;
    if (this.#seal.value > SEAL_LIMIT_C) word |= alarmBits.sealOverTemperature;
    if (this.state === packml.held) word |= alarmBits.jam;
    if (this.#secondsStopped > 1) word |= alarmBits.guardOpen;
    return word;
  }

  override resetCounters(): void {
    this.#processed = 0;
    this.#defective = 0;
  }
}
