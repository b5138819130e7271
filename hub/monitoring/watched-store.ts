/** A store whose calls are timed, whichever store it is. */

export type CallSeen = (call: { statement: string; durationMs: number; failed: boolean }) => void;

/** The same store; each of its methods that answers later is told of when it has. */
export function watchedStore<T extends object>(store: T, onCall: CallSeen): T {
  const made = new Map<PropertyKey, unknown>();
  return new Proxy(store, {
    get(target, name) {
      const known = made.get(name);
      if (known) return known;
      const found: unknown = Reflect.get(target, name, target);
      if (typeof found !== 'function') return found;
      // Private fields are those of the store itself, not of the one that stands before it.
      const timed = (...args: unknown[]): unknown => {
        const begin = performance.now();
        const answer: unknown = found.apply(target, args);
        if (!(answer instanceof Promise)) return answer;
        const tell = (failed: boolean) =>
          onCall({ statement: String(name), durationMs: performance.now() - begin, failed });
        return answer.then(
          (result: unknown) => {
            tell(false);
            return result;
          },
          (error: unknown) => {
            tell(true);
            throw error;
          },
        );
      };
      made.set(name, timed);
      return timed;
    },
  });
}
