/** What a machine's state number means. */
import type { StateCategory } from '@lineside/shared/contracts/api.ts';
import type { StateSignal } from '../equipment/plant-config.ts';

export interface StateMeaning {
  name: string;
  category: StateCategory;
}

export const UNKNOWN_STATE: StateMeaning = { name: 'Unknown', category: 'unknown' };

/**
 * PackML states by number (OMAC PackML 2022, ANSI/ISA-TR88.00.02). Suspended waits on something outside the
 * machine, Held on something inside it: the first is idle, the second is down and wants somebody.
 */
const PACKML: Record<number, StateMeaning> = {
  1: { name: 'Clearing', category: 'stopped' },
  2: { name: 'Stopped', category: 'stopped' },
  3: { name: 'Starting', category: 'stopped' },
  4: { name: 'Idle', category: 'idle' },
  5: { name: 'Suspended', category: 'idle' },
  6: { name: 'Execute', category: 'producing' },
  7: { name: 'Stopping', category: 'stopped' },
  8: { name: 'Aborting', category: 'down' },
  9: { name: 'Aborted', category: 'down' },
  10: { name: 'Holding', category: 'down' },
  11: { name: 'Held', category: 'down' },
  12: { name: 'Unholding', category: 'stopped' },
  13: { name: 'Suspending', category: 'idle' },
  14: { name: 'Unsuspending', category: 'idle' },
  15: { name: 'Resetting', category: 'stopped' },
  16: { name: 'Completing', category: 'producing' },
  17: { name: 'Complete', category: 'idle' },
};

/** The meaning of a state number; unknown when neither the site nor PackML has one for it. */
export function meaningOf(signal: StateSignal, code: number): StateMeaning {
  const known = signal.map ? signal.map[String(code)] : PACKML[code];
  return known ?? { name: `State ${code}`, category: 'unknown' };
}
