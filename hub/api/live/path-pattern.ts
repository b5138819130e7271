/**
 * Patterns of ISA-95 paths: levels parted by slashes, * for one level or a part of one, ** for any number of levels,
 * none included. Matching takes time in proportion to pattern times path at most, whatever a client writes.
 */
import { matchesWild } from '../../andon/glob.ts';

const MAX_LEVELS = 24;

export class PathPattern {
  readonly #levels: string[];
  /** The levels before the first wildcard. */
  readonly fixed: string[];

  private constructor(levels: string[]) {
    this.#levels = levels;
    const wild = levels.findIndex((level) => level.includes('*'));
    this.fixed = wild < 0 ? levels : levels.slice(0, wild);
  }

  /** Null when it is none: empty levels, ** as a part of a level, or more levels than a path has. */
  static parse(text: string): PathPattern | null {
    const levels = text.split('/');
    if (levels.length > MAX_LEVELS) return null;
    const sound = levels.every((level) => level !== '' && (level === '**' || !level.includes('**')));
    return sound ? new PathPattern(levels) : null;
  }

  matches(path: string): boolean {
    return matchesWild(this.#levels, path.split('/'), (level) => level === '**', matchesLevel);
  }

  /** False when nothing at or below `path` can match. */
  reaches(path: string): boolean {
    const levels = path.split('/');
    return this.fixed.every((level, i) => i >= levels.length || level === levels[i]);
  }
}

function matchesLevel(pattern: string, level: string): boolean {
  if (!pattern.includes('*')) return pattern === level;
  return matchesWild([...pattern], [...level], (sign) => sign === '*', Object.is);
}
