/** Which settings a running gateway cannot take over. */
import { isDeepStrictEqual } from 'node:util';
import type { LoadedConfig } from './load-config.ts';

/** What the gateway exchanges while it runs, and what is no setting. */
const NOT_FIXED = new Set(['devices', 'models', 'alarms', 'file', 'sha256', 'warnings', 'resolvePath', 'problem']);

/** Names of the settings that differ and wait for a restart, such as `buffer.segmentMiB`; empty when none does. */
export function needingRestart(running: LoadedConfig, wanted: LoadedConfig): string[] {
  const before = running as unknown as Record<string, unknown>;
  const after = wanted as unknown as Record<string, unknown>;
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].filter((key) => !NOT_FIXED.has(key)).flatMap((key) => differences(key, before[key], after[key]));
}

function differences(name: string, before: unknown, after: unknown): string[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (!isRecord(before) || !isRecord(after)) return [name];
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].flatMap((key) => differences(`${name}.${key}`, before[key], after[key]));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
