/** What a subscription means: patterns of paths, within the sites that its client may see. */
import { reaches } from '../../auth/identity.ts';
import { PathPattern } from './path-pattern.ts';

/** Answers that are remembered: machines of a large plant, several times over. */
const MAX_KNOWN = 5_000;

export class PathFilter {
  readonly #patterns: PathPattern[];
  readonly #sites: readonly string[] | null;
  readonly #known = new Map<string, boolean>();

  /**
   * @param patterns as a client writes them
   * @param sites equipment paths that may be seen, with all below; null: all
   * @throws RangeError naming the first that is no pattern
   */
  constructor(patterns: string[], sites: readonly string[] | null) {
    this.#patterns = patterns.map((text) => {
      const pattern = PathPattern.parse(text);
      if (!pattern) throw new RangeError(text);
      return pattern;
    });
    this.#sites = sites;
  }

  /** Remembers its answer: for the paths of machines, which come again and again. */
  matches(path: string): boolean {
    let known = this.#known.get(path);
    if (known === undefined) {
      known = this.means(path);
      if (this.#known.size >= MAX_KNOWN) this.#known.clear();
      this.#known.set(path, known);
    }
    return known;
  }

  /** The same for a path that may be another one each time. */
  means(path: string): boolean {
    return this.sees(path) && this.#patterns.some((pattern) => pattern.matches(path));
  }

  /** False when nothing at or below the path can match. */
  reaches(path: string): boolean {
    return this.sees(path) && this.#patterns.some((pattern) => pattern.reaches(path));
  }

  /** Whether it lies in a site that may be seen. */
  sees(path: string): boolean {
    return reaches({ sites: this.#sites }, path);
  }
}

/** In the place of a site, for devices that are no machine's. No id of a site begins so. */
export const NO_SITE = '_devices';
