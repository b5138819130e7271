/** A YAML configuration file that remembers where each of its values stands. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { isScalar, LineCounter, parseDocument, visit } from 'yaml';
import { LinesideError, messageOf } from '../errors/lineside-error.ts';

/** A place in the document: keys and indices from the root. */
export type ConfigPath = (string | number)[];

/** One mistake in a configuration, said so that its writer can mend it. */
export interface ConfigProblem {
  file: string;
  line: number;
  /** Such as `device "moulder", tag "zone1"`; empty at the root. */
  where: string;
  message: string;
}

export function formatProblem(problem: ConfigProblem): string {
  const where = problem.where === '' ? '' : `${problem.where}: `;
  return `${problem.file}:${problem.line}: ${where}${problem.message}`;
}

/** Thrown with all that is wrong, not only the first. */
export class ConfigError extends LinesideError {
  readonly problems: ConfigProblem[];

  constructor(problems: ConfigProblem[]) {
    super('CONFIG_INVALID', 'config', problems.map(formatProblem).join('\n'));
    this.problems = problems;
  }
}

export class ConfigDocument {
  readonly file: string;
  readonly value: unknown;
  readonly #document: ReturnType<typeof parseDocument>;
  readonly #lines: LineCounter;

  private constructor(file: string, document: ReturnType<typeof parseDocument>, lines: LineCounter) {
    this.file = file;
    this.#document = document;
    this.#lines = lines;
    this.value = document.toJS() ?? {};
  }

  /**
   * Reads and parses a file. `${NAME}` in a value becomes that environment variable, `${NAME:-text}` with a default.
   * @throws ConfigError when the file cannot be read, is no YAML, or names a variable that is not set.
   */
  static load(file: string, env: NodeJS.ProcessEnv = process.env): ConfigDocument {
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch (error) {
      throw new ConfigError([{ file, line: 1, where: '', message: `cannot read it: ${messageOf(error)}` }]);
    }
    return ConfigDocument.parse(file, text, env);
  }

  static parse(file: string, text: string, env: NodeJS.ProcessEnv = process.env): ConfigDocument {
    const lines = new LineCounter();
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
    const problems: ConfigProblem[] = document.errors.map((error) => ({
      file,
      line: lines.linePos(error.pos[0]).line,
      where: '',
      message: `not valid YAML: ${error.message}`,
    }));
    visit(document, {
      Scalar(_key, node) {
        if (typeof node.value !== 'string' || !node.value.includes('${')) return;
        node.value = node.value.replace(/\$\{(\w+)(?::-([^}]*))?\}/g, (whole, name: string, fallback?: string) => {
          const value = env[name] ?? fallback;
          if (value !== undefined) return value;
          const line = lines.linePos(node.range?.[0] ?? 0).line;
          problems.push({
            file,
            line,
            where: '',
            message: `the environment variable ${name} is not set; set it or write \${${name}:-default}`,
          });
          return whole;
        });
        // An unquoted ${PORT} stands for what its text would be: a number, when it looks like one.
        const text = String(node.value);
        if (node.type === 'PLAIN' && /^-?\d+(\.\d+)?$/.test(text)) node.value = Number(text);
      },
    });
    if (problems.length > 0) throw new ConfigError(problems);
    return new ConfigDocument(file, document, lines);
  }

  /** Line of the value at `path`, or of the nearest value around it that exists. */
  lineOf(path: ConfigPath): number {
    for (let depth = path.length; depth >= 0; depth--) {
      const node: unknown = this.#document.getIn(path.slice(0, depth), true);
      const range = (node as { range?: [number, number, number] } | undefined)?.range;
      if (!range) continue;
      const [start] = range;
      const known = depth > 0 ? this.#keyStart(path.slice(0, depth)) : undefined;
      return this.#lines.linePos(known ?? start).line;
    }
    return 1;
  }

  /** The things around `path` by their names, such as `device "moulder", tag "zone1"`. */
  describe(path: ConfigPath): string {
    const parts: string[] = [];
    let value: unknown = this.value;
    let key = '';
    for (const step of path) {
      value = (value as Record<string | number, unknown> | undefined)?.[step];
      if (typeof step === 'string') {
        key = step;
        continue;
      }
      const entry = value as { id?: unknown; name?: unknown } | undefined;
      const name = entry?.id ?? entry?.name;
      const kind = key.endsWith('s') ? key.slice(0, -1) : key;
      parts.push(typeof name === 'string' ? `${kind} "${name}"` : `${kind} ${step + 1}`);
    }
    return parts.join(', ');
  }

  problem(path: ConfigPath, message: string): ConfigProblem {
    return { file: this.file, line: this.lineOf(path), where: this.describe(path), message };
  }

  /** A path in the configuration, taken from the folder of the file. */
  resolvePath(path: string): string {
    return resolve(dirname(this.file), path);
  }

  #keyStart(path: ConfigPath): number | undefined {
    const last = path.at(-1);
    const parent: unknown = this.#document.getIn(path.slice(0, -1), true);
    const items = (parent as { items?: { key?: unknown }[] } | undefined)?.items;
    if (typeof last !== 'string' || !items) return undefined;
    const key = items.find((item) => isScalar(item.key) && item.key.value === last)?.key;
    return isScalar(key) ? key.range?.[0] : undefined;
  }
}
