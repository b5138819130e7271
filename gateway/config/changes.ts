/** What differs between two configurations, by name, for the log and the local page. */
import { isDeepStrictEqual } from 'node:util';
import type { LoadedConfig } from './load-config.ts';

/** Names such as `device press`. */
export interface Changes {
  added: string[];
  changed: string[];
  removed: string[];
}

export function changesBetween(before: LoadedConfig, after: LoadedConfig): Changes {
  const changes: Changes = { added: [], changed: [], removed: [] };
  for (const [kind, key] of [
    ['device', 'devices'],
    ['model', 'models'],
    ['alarm', 'alarms'],
  ] as const) {
    const old = new Map<string, unknown>(before[key].map((entry) => [entry.id, entry]));
    for (const entry of after[key]) {
      const known = old.get(entry.id);
      old.delete(entry.id);
      if (known === undefined) changes.added.push(`${kind} ${entry.id}`);
      else if (!isDeepStrictEqual(known, entry)) changes.changed.push(`${kind} ${entry.id}`);
    }
    changes.removed.push(...[...old.keys()].map((id) => `${kind} ${id}`));
  }
  return changes;
}
