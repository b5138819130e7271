/** The injection moulding machine: one shot in about six seconds. */
import { between, type Random } from '../random.ts';
import type { Values } from './machine.ts';
import { type Demand, packml } from './packml.ts';
import { Lag, ramp, Wander } from './physics.ts';
import { PlantMachine, type Stoppages } from './plant-machine.ts';

const ZONE_1_NORMAL_C = 225;
/** Where zone 1 settles with its heater stuck on; 260 °C is passed after 0.78 time constants. */
const ZONE_1_STUCK_C = 290;
const ZONE_2_NORMAL_C = 232;
const CYCLE_S = 6;
const CLAMP_KN = 1_200;

/** Bits of the status word, and the numbers of the discrete inputs. */
const statusBits = { running: 0, ready: 1, fault: 2, emergencyStop: 3, doorOpen: 4 };

const STOPPAGES: Stoppages = {
  heldEvery: 500,
  heldOftenEvery: 10,
  held: [3, 8],
  suspendedEvery: 300,
  suspended: [4, 9],
};

export class Moulder extends PlantMachine {
  override readonly name = 'moulder';
  /** Coil 0, which a client may write: false lets the machine wait in Idle. */
  cycleStartEnabled = true;
  readonly #zone1 = new Lag(ZONE_1_NORMAL_C, 20);
  readonly #zone2 = new Lag(ZONE_2_NORMAL_C, 40);
  readonly #mould = new Lag(55, 90);
  readonly #pressure = new Lag(0, 0.15);
  readonly #clamp = new Lag(0, 0.2);
  readonly #zone1Noise: Wander;
  readonly #zone2Noise: Wander;
  readonly #mouldNoise: Wander;
  #shots = 0;
  #rejects = 0;
  #phase = 0;
  #cycleSeconds = CYCLE_S;
  #lastCycleSeconds = CYCLE_S;
  /** Percent; the screw is changed at 60. */
  #screwWear = 12;
  #secondsStopped = 0;

  constructor(random: Random) {
    super(random, STOPPAGES);
    this.#zone1Noise = new Wander(random, 0.5, 6);
    this.#zone2Noise = new Wander(random, 0.5, 6);
    this.#mouldNoise = new Wander(random, 0.3, 5);
  }

  protected override demand(): Demand {
    return { stop: this.faults.has('stop'), enabled: this.cycleStartEnabled };
  }

  protected override advance(dt: number, running: boolean): void {
    this.#secondsStopped = this.state === packml.stopped ? this.#secondsStopped + dt : 0;
    this.#zone1.step(dt, this.faults.has('overheat') ? ZONE_1_STUCK_C : ZONE_1_NORMAL_C);
    // The zones touch: a third of zone 1's excess reaches zone 2.
    this.#zone2.step(dt, ZONE_2_NORMAL_C + (this.#zone1.value - ZONE_1_NORMAL_C) / 3);
    this.#mould.step(dt, running ? 58 + (this.#zone1.value - ZONE_1_NORMAL_C) / 10 : 40);
    for (const noise of [this.#zone1Noise, this.#zone2Noise, this.#mouldNoise]) noise.step(dt);
    this.#pressure.step(dt, running ? this.#pressureWanted() : 0);
    this.#clamp.step(dt, running && this.#phase < 0.85 ? CLAMP_KN : 0);
    if (running) this.#cycle(dt);
  }

  /** Inject, hold, cool: the share of the cycle that each takes, and its pressure in bar. */
  #pressureWanted(): number {
    if (this.#phase < 0.1) return 0;
    if (this.#phase < 0.35) return 880 - 4 * (this.#screwWear - 12);
    if (this.#phase < 0.6) return 450;
    return 5;
  }

  #cycle(dt: number): void {
    this.#phase += dt / this.#cycleSeconds;
    if (this.#phase < 1) return;
    this.#phase = 0;
    this.#lastCycleSeconds = this.#cycleSeconds;
    this.#cycleSeconds = CYCLE_S * (1 + this.#screwWear / 1_000 + between(this.random, -0.01, 0.02));
    this.#shots += 1;
    if (this.random() < this.#rejectChance()) this.#rejects += 1;
    this.#screwWear = this.#screwWear >= 60 ? 0 : this.#screwWear + 0.002;
  }

  #rejectChance(): number {
    return 0.01 + 0.0008 * this.#screwWear + 0.5 * ramp(this.#zone1.value, 235, 280);
  }

  override values(): Values {
    return {
      barrelTemperatureZone1: this.#zone1.value + this.#zone1Noise.value,
      barrelTemperatureZone2: this.#zone2.value + this.#zone2Noise.value,
      mouldTemperature: this.#mould.value + this.#mouldNoise.value,
      injectionPressure: this.#pressure.value,
      clampForce: this.#clamp.value,
      cycleTime: this.#lastCycleSeconds,
      shotCount: this.#shots,
      rejectCount: this.#rejects,
      statusWord: this.#statusWord(),
      state: this.state,
      screwWear: this.#screwWear,
    };
  }

  #statusWord(): number {
    const { state } = this;
    let word = 0;
    if (state === packml.execute) word |= 1 << statusBits.running;
    if (state === packml.idle || state === packml.suspended) word |= 1 << statusBits.ready;
    if (state === packml.held) word |= 1 << statusBits.fault;
    // The operator's stop is the red button, and the door opens a moment later.
    if (state === packml.stopping || state === packml.stopped) word |= 1 << statusBits.emergencyStop;
    if (this.#secondsStopped > 1) word |= 1 << statusBits.doorOpen;
    return word;
  }

  override resetCounters(): void {
    this.#shots = 0;
    this.#rejects = 0;
  }
}
