/** Whether the primary host application is there, by its STATE messages (Sparkplug B 3.0, 5.4 and 6.4.24). */
import { type HostState, parseHostState } from '@lineside/shared/wire/sparkplug/topic.ts';

export class HostGate {
  #online: boolean;
  #newest = 0;
  readonly #none: boolean;

  /** @param host the primary host's id; without one the gate is open */
  constructor(host: string | undefined) {
    this.#none = host === undefined;
    this.#online = this.#none;
  }

  get open(): boolean {
    return this.#online;
  }

  /** A new connection: what was said on the one before is not known to hold. */
  reset(): void {
    this.#online = this.#none;
  }

  /**
   * Takes a STATE message. One that is older than the newest says nothing: it was late.
   *
   * @returns the state when it counts, else why it does not
   */
  take(payload: Uint8Array): HostState | string {
    const state = parseHostState(payload);
    if (!state) return 'it is not the JSON of Sparkplug 3.0, {"online": …, "timestamp": …}';
    if (state.timestamp < this.#newest) return `its timestamp ${state.timestamp} is before ${this.#newest}`;
    this.#newest = state.timestamp;
    this.#online = state.online;
    return state;
  }
}
