/** Globs over browse paths below the root of a search, such as `Packer/Motor1/Speed`. */

export type Glob = (path: readonly string[]) => boolean;

/**
 * `*` and `?` stay within one name, `**` stands for any number of names. Without a `/` it is the last name that
 * counts, wherever it is.
 */
export function glob(pattern: string): Glob {
  const steps = pattern.split('/').filter((step) => step !== '');
  if (steps.length === 1 && steps[0] !== '**') {
    const name = ofName(steps[0]!);
    return (path) => path.length > 0 && name.test(path.at(-1)!);
  }
  const tests = steps.map((step) => (step === '**' ? null : ofName(step)));
  return (path) => matches(tests, 0, path, 0);
}

function matches(tests: readonly (RegExp | null)[], t: number, path: readonly string[], p: number): boolean {
  if (t === tests.length) return p === path.length;
  const test = tests[t]!;
  if (test === null) {
    for (let rest = p; rest <= path.length; rest++) if (matches(tests, t + 1, path, rest)) return true;
    return false;
  }
  return p < path.length && test.test(path[p]!) && matches(tests, t + 1, path, p + 1);
}

function ofName(step: string): RegExp {
  const source = step
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's');
}
