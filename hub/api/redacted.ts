const SECRET = /passw|secret|token|credential|private|^key$|^pin$/i;
/** Longer texts, such as a whole configuration, are named by their length. Characters. */
const MAX_TEXT = 500;
const MAX_ITEMS = 50;

/** What was sent, fit to be written down: without secrets and without what is long. */
export function redacted(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return value.length <= MAX_TEXT ? value : `(${value.length} characters)`;
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= 5) return '(deeper)';
  if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map((item) => redacted(item, depth + 1));
  const entries = Object.entries(value).slice(0, MAX_ITEMS);
  return Object.fromEntries(
    entries.map(([name, inner]) => [name, SECRET.test(name) ? '(left out)' : redacted(inner, depth + 1)]),
  );
}
