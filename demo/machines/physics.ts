/** The few laws that all machines of the plant share. */
import { gaussian, type Random } from '../random.ts';

/** A value that follows a target with a first-order lag: heat, speed, pressure. */
export class Lag {
  value: number;
  /** Time constant in seconds: 63 % of a jump is done after it. */
  readonly tau: number;

  constructor(value: number, tau: number) {
    this.value = value;
    this.tau = tau;
  }

  step(seconds: number, target: number): void {
    this.value += (target - this.value) * -Math.expm1(-seconds / this.tau);
  }
}

/** Noise that wanders and comes back: an Ornstein-Uhlenbeck process with the given standard deviation. */
export class Wander {
  value = 0;
  readonly #sigma: number;
  readonly #tau: number;
  readonly #random: Random;

  constructor(random: Random, sigma: number, tau: number) {
    this.#random = random;
    this.#sigma = sigma;
    this.#tau = tau;
  }

  step(seconds: number): void {
    const keep = Math.exp(-seconds / this.#tau);
    this.value = this.value * keep + this.#sigma * Math.sqrt(1 - keep * keep) * gaussian(this.#random);
  }
}

/** 0 below `low`, 1 above `high`, a straight line between. */
export function ramp(value: number, low: number, high: number): number {
  return Math.min(1, Math.max(0, (value - low) / (high - low)));
}

/** Whether an event that comes once in `meanSeconds` on average comes in this step. */
export function happens(random: Random, seconds: number, meanSeconds: number): boolean {
  return random() < -Math.expm1(-seconds / meanSeconds);
}
