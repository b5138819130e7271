/** Metrics in the text format of Prometheus, read strictly. */
import { expect } from 'vitest';

/** Reads the text format as its description says; fails on a line that it does not allow. */
export function parsePrometheus(text: string) {
  expect(text.endsWith('\n')).toBe(true);
  const types = new Map<string, string>();
  const values = new Map<string, number>();
  let current = '';
  for (const line of text.slice(0, -1).split('\n')) {
    const head = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line);
    if (head?.[1] === 'HELP') {
      // All lines of a metric stand together, so no name may begin twice.
      expect(types.has(head[2]!)).toBe(false);
      current = head[2]!;
    } else if (head) {
      expect(head[2]).toBe(current);
      expect(['counter', 'gauge', 'summary', 'histogram']).toContain(head[3]);
      types.set(current, head[3]!);
    } else {
      const label = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\["\\\\n])*"';
      const sample = new RegExp(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(\\{${label}(?:,${label})*\\})? (\\S+)$`).exec(line);
      expect(sample, line).not.toBeNull();
      const [, name, labels = '', value] = sample!;
      const parts = types.get(current) === 'histogram' ? /_(bucket|sum|count)$/ : /_(sum|count)$/;
      const plain = ['summary', 'histogram'].includes(types.get(current)!) ? name!.replace(parts, '') : name;
      expect(plain).toBe(current);
      expect(Number(value), line).not.toBeNaN();
      expect(values.has(name + labels), line).toBe(false);
      values.set(name + labels, Number(value));
    }
  }
  return { types, values };
}
