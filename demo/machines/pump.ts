/** The pump station: replays a recorded machine temperature, and moves water to match. */
import type { Random } from '../random.ts';
import type { Values } from './machine.ts';
import { type Demand, packml } from './packml.ts';
import { Lag, Wander } from './physics.ts';
import { PlantMachine, type Stoppages } from './plant-machine.ts';

/** The recording has a row each 5 minutes; each is shown for one second of the plant's time. */
const SECONDS_PER_ROW = 1;
/** Below the first the recorded machine was plainly off, above the second it was on again. */
const RECORDED_OFF_F = 25;
const RECORDED_ON_F = 35;
const OVERHEAT_F = 25;
const OVERHEAT_F_PER_SECOND = 1;
const RATED_FLOW_M3H = 42;
const RATED_PRESSURE_BAR = 4.2;
/** What the drive of the motor takes, in percent of the rated speed. */
export const SPEED_PERCENT = { least: 0, most: 120 };
/** Water outside of this band at the outlet counts as off-spec. */
const PRESSURE_BAND_BAR = { low: 3.8, high: 4.6 };

const STOPPAGES: Stoppages = {
  heldEvery: 900,
  heldOftenEvery: 9,
  held: [3, 6],
  suspendedEvery: 420,
  suspended: [5, 12],
};

export class Pump extends PlantMachine {
  override readonly name = 'pump';
  readonly #recording: Float64Array;
  /** In percent; whoever writes the setpoint sets it. */
  speedSetpoint = 100;
  readonly #speed = new Lag(100, 3);
  readonly #flow = new Lag(0, 2);
  readonly #pressure = new Lag(0, 2);
  readonly #vibration = new Lag(0, 1);
  readonly #flowNoise: Wander;
  readonly #pressureNoise: Wander;
  readonly #vibrationNoise: Wander;
  #row: number;
  #secondsInRow = 0;
  #recordedOff = false;
  #offset = 0;
  #litres = 0;
  #offSpecLitres = 0;

  /**
   * @param recording temperatures in °F, one a row.
   * @param startRow where the replay begins; it goes round at the end.
   */
  constructor(random: Random, recording: Float64Array, startRow: number) {
    super(random, STOPPAGES);
    this.#recording = recording;
    this.#row = startRow % recording.length;
    this.#flowNoise = new Wander(random, 0.6, 8);
    this.#pressureNoise = new Wander(random, 0.13, 12);
    this.#vibrationNoise = new Wander(random, 0.12, 3);
  }

  protected override demand(seconds: number): Demand {
    this.#replay(seconds);
    return { stop: this.faults.has('stop') || this.#recordedOff, enabled: true };
  }

  protected override advance(dt: number, running: boolean): void {
    const rise = this.faults.has('overheat') ? OVERHEAT_F_PER_SECOND : -OVERHEAT_F_PER_SECOND;
    this.#offset = Math.min(OVERHEAT_F, Math.max(0, this.#offset + rise * dt));
    this.#speed.step(dt, this.speedSetpoint);
    // Affinity laws of a centrifugal pump: flow goes with the speed, pressure with its square.
    const speed = this.#speed.value / 100;
    this.#flow.step(dt, running ? RATED_FLOW_M3H * speed : 0);
    this.#pressure.step(dt, running ? Math.max(0.4, RATED_PRESSURE_BAR * speed ** 2) : 0.4);
    // A hot bearing shakes: +0.04 mm/s for each °F of the injected heat.
    this.#vibration.step(dt, running ? 1.8 + 0.04 * this.#offset : 0.05);
    for (const noise of [this.#flowNoise, this.#pressureNoise, this.#vibrationNoise]) noise.step(dt);
    if (running) this.#deliver(dt);
  }

  #replay(dt: number): void {
    this.#secondsInRow += dt;
    while (this.#secondsInRow >= SECONDS_PER_ROW) {
      this.#secondsInRow -= SECONDS_PER_ROW;
      this.#row = (this.#row + 1) % this.#recording.length;
    }
    const recorded = this.#recorded();
    if (recorded < RECORDED_OFF_F) this.#recordedOff = true;
    else if (recorded > RECORDED_ON_F) this.#recordedOff = false;
  }

  #recorded(): number {
    return this.#recording[this.#row] ?? 0;
  }

  #flowNow(): number {
    return this.#flow.value < 1 ? 0 : this.#flow.value + this.#flowNoise.value;
  }

  #pressureNow(): number {
    return this.#pressure.value < 1 ? this.#pressure.value : this.#pressure.value + this.#pressureNoise.value;
  }

  #deliver(dt: number): void {
    const litres = (this.#flowNow() / 3.6) * dt;
    this.#litres += litres;
    const pressure = this.#pressureNow();
    if (pressure < PRESSURE_BAND_BAR.low || pressure > PRESSURE_BAND_BAR.high) this.#offSpecLitres += litres;
  }

  override values(): Values {
    const { state } = this;
    return {
      machineTemperature: this.#recorded() + this.#offset,
      flow: this.#flowNow(),
      dischargePressure: this.#pressureNow(),
      vibration: Math.max(0, this.#vibration.value + (this.#vibration.value > 1 ? this.#vibrationNoise.value : 0)),
      state,
      statusWord: (state === packml.execute ? 1 : 0) | (state === packml.held ? 2 : 0),
      deliveredVolume: Math.floor(this.#litres),
      offSpecVolume: Math.floor(this.#offSpecLitres),
      recordingRow: this.#row,
      speedSetpoint: this.speedSetpoint,
    };
  }

  override resetCounters(): void {
    this.#litres = 0;
    this.#offSpecLitres = 0;
  }
}
