/** What the plant, the wires and the page know of any machine. */

export const machineNames = ['packer', 'moulder', 'pump'] as const;
export type MachineName = (typeof machineNames)[number];

export const faultNames = ['stop', 'microStops', 'sensorBreak', 'counterReset', 'networkCut', 'overheat'] as const;
export type FaultName = (typeof faultNames)[number];

/** Engineering values by name; a name is the node's or the register's. */
export type Values = Record<string, number>;

export interface Machine {
  readonly name: MachineName;
  /** Faults that are on. `counterReset` never stays here: it happens once. */
  readonly faults: Set<FaultName>;
  /** PackML state number. */
  readonly state: number;
  /** Moves the machine's own time on. Any length: long steps are cut into short ones inside. */
  step(seconds: number): void;
  /** Values as of the last step. */
  values(): Values;
  resetCounters(): void;
}

/** The longest time in seconds that the physics integrates in one piece; longer, and fast lags become unstable. */
const LONGEST_STEP = 0.25;

/** Calls `advance` with pieces of at most 0.25 s that add up to `seconds`. */
export function inShortSteps(seconds: number, advance: (seconds: number) => void): void {
  const pieces = Math.ceil(seconds / LONGEST_STEP);
  for (let piece = 0; piece < pieces; piece++) advance(seconds / pieces);
}
