import { formatExact } from './duration.ts';

export interface ChangeLine {
  name: string;
  /** Absent where there is only one side to tell. */
  before?: string;
  after?: string;
}

/** What changed, name by name; what stayed as it was is left out. */
export function changeLines(before: unknown, after: unknown): ChangeLine[] {
  const was = fieldsOf(before);
  const is = fieldsOf(after);
  const names = [...new Set([...Object.keys(was), ...Object.keys(is)])];
  const lines = names.map((name): ChangeLine => {
    const line: ChangeLine = { name };
    if (name in was) line.before = wordsOf(name, was[name]);
    if (name in is) line.after = wordsOf(name, is[name]);
    return line;
  });
  return lines.filter((line) => line.before !== line.after);
}

/** A value that is no object is a field without a name. */
function fieldsOf(value: unknown): Record<string, unknown> {
  if (value === null || value === undefined) return {};
  if (typeof value === 'object' && !Array.isArray(value)) return value as Record<string, unknown>;
  return { '': value };
}

function wordsOf(name: string, value: unknown): string {
  // Everywhere else that is nothing; here it is everything.
  if (name === 'sites' && value === null) return 'whole plant';
  if (value === null || value === '') return '—';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'number') return name.endsWith('At') ? formatExact(value) : String(value);
  if (typeof value === 'string') return value;
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value.join(', ');
  return JSON.stringify(value);
}
