/** A YAML configuration file that remembers where each of its values stands. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Scalar, visit } from 'yaml';
import { LinesideError, messageOf } from '../errors/lineside-error.ts';

/** A place in the document: keys and indices from the root. */
export type ConfigPath = (string | number)[];

/** One mistake in a configuration, said so that its writer can mend it. */
export interface ConfigProblem {
  file: string;
  line: number;
  path: ConfigPath;
  /** Such as `device "moulder", tag "zone1"`; empty at the root. */
  where: string;
  message: string;
}

/** One line that editors and terminals can follow to its place. */
export function formatProblem(problem: ConfigProblem): string {
  const where = problem.where === '' ? '' : `${problem.where}: `;
  return `${problem.file}:${problem.line}: ${where}${problem.message}`;
}

/** The same for what is to be doubted and no mistake. */
export function formatWarning(problem: ConfigProblem): string {
  return formatProblem({ ...problem, where: problem.where === '' ? 'warning' : `warning: ${problem.where}` });
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
  /** Of the text. */
  readonly sha256: string;
  readonly value: unknown;
  readonly #document: ReturnType<typeof parseDocument>;
  readonly #lines: LineCounter;

  private constructor(file: string, text: string, document: ReturnType<typeof parseDocument>, lines: LineCounter) {
    this.file = file;
    this.sha256 = createHash('sha256').update(text).digest('hex');
    this.#document = document;
    this.#lines = lines;
    try {
      this.value = document.toJS() ?? {};
    } catch (error) {
      // Aliases that would unfold without end.
      throw new ConfigError([problemAt(file, 1, `not valid YAML: ${messageOf(error)}`)]);
    }
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
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
      const message = missing ? 'there is no such file; check the path' : `cannot read it: ${messageOf(error)}`;
      throw new ConfigError([problemAt(file, 1, message)]);
    }
    return ConfigDocument.parse(file, text, env);
  }

  static parse(file: string, text: string, env: NodeJS.ProcessEnv = process.env): ConfigDocument {
    const lines = new LineCounter();
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
    const problems = document.errors.map((error) => {
      const line = lines.linePos(withinText(text, error.pos[0])).line;
      const key = error.code === 'DUPLICATE_KEY' ? /^[^\s:]+/.exec(text.slice(error.pos[0]))?.[0] : undefined;
      const words = key ? `the key "${key}" stands here a second time; remove one` : error.message;
      return problemAt(file, line, `not valid YAML: ${words}`);
    });
    visit(document, {
      Alias(_key, node) {
        if (node.resolve(document)) return;
        const line = lines.linePos(node.range?.[0] ?? 0).line;
        problems.push(
          problemAt(file, line, `there is no anchor &${node.source} above; write one, or quote "*${node.source}"`),
        );
      },
      Scalar(_key, node) {
        if (typeof node.value !== 'string' || !node.value.includes('${')) return;
        node.value = node.value.replace(/\$\{(\w+)(?::-([^}]*))?\}/g, (whole, name: string, fallback?: string) => {
          const value = env[name] ?? fallback;
          if (value !== undefined) return value;
          const line = lines.linePos(node.range?.[0] ?? 0).line;
          const message = `the environment variable ${name} is not set; set it or write \${${name}:-default}`;
          problems.push(problemAt(file, line, message));
          return whole;
        });
        if (node.type === 'PLAIN') node.value = plainValue(String(node.value));
      },
    });
    if (problems.length > 0) throw new ConfigError(problems.sort((a, b) => a.line - b.line));
    return new ConfigDocument(file, text, document, lines);
  }

  /** Line of the key or list entry at `path`, or of the nearest one around it that exists. */
  lineOf(path: ConfigPath): number {
    let node: unknown = this.#document.contents;
    let at = this.#document.contents?.range?.[0] ?? 0;
    for (const step of path) {
      if (isAlias(node)) node = node.resolve(this.#document);
      if (isMap(node)) {
        const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
        if (!pair) break;
        at = (pair.key as Scalar).range?.[0] ?? at;
        node = pair.value;
      } else if (isSeq(node)) {
        const item = node.items[Number(step)];
        if (item === undefined) break;
        at = (item as Scalar).range?.[0] ?? at;
        node = item;
      } else break;
    }
    return this.#lines.linePos(at).line;
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
    return { file: this.file, line: this.lineOf(path), path, where: this.describe(path), message };
  }

  /** A path in the configuration, taken from the folder of the file. */
  resolvePath(path: string): string {
    return resolve(dirname(this.file), path);
  }
}

function problemAt(file: string, line: number, message: string): ConfigProblem {
  return { file, line, path: [], where: '', message };
}

/** An unquoted ${NAME} stands for what its text would be there: a number or a boolean, when it looks like one. */
function plainValue(text: string): string | number | boolean {
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  return text === 'true' || text === 'false' ? text === 'true' : text;
}

/** What is not closed is only missed at the end of the file, behind its empty lines. */
function withinText(text: string, position: number): number {
  return text.slice(position).trim() === '' ? Math.max(0, text.trimEnd().length - 1) : position;
}
