/** Holds a configuration against its TypeBox schema and says in an operator's words what does not fit. */
import { readFileSync } from 'node:fs';
import type { Static, TSchema } from 'typebox';
import { Settings } from 'typebox/system';
import { Value } from 'typebox/value';
import { LinesideError, messageOf } from '../errors/lineside-error.ts';
import type { ConfigDocument, ConfigPath, ConfigProblem } from './config-document.ts';

interface SchemaError {
  keyword: string;
  instancePath: string;
  schemaPath: string;
  message: string;
  params: Record<string, unknown>;
}

// The library stops at eight errors unless told; an operator wants to mend a file in one go.
Settings.Set({ maxErrors: 200 });

/**
 * The part of the document at `at`, with the schema's defaults filled in, or what is wrong with it.
 * The value is only to be used when there is no problem.
 */
export function validate<T extends TSchema>(
  document: ConfigDocument,
  schema: T,
  at: ConfigPath = [],
): { value: Static<T>; problems: ConfigProblem[] } {
  const given = at.reduce<unknown>((value, step) => (value as Record<string, unknown>)[step], document.value);
  const value = Value.Default(schema, structuredClone(given ?? {}));
  if (Value.Check(schema, value)) return { value: value as Static<T>, problems: [] };
  const errors = Value.Errors(schema, value) as unknown as SchemaError[];
  return { value: value as Static<T>, problems: explain(document, schema, at, errors, value) };
}

/** The content of a secret's file, without the line end. @throws LinesideError SECRET_UNREADABLE. */
export function readSecret(file: string): string {
  try {
    const secret = readFileSync(file, 'utf8').trim();
    if (secret !== '') return secret;
  } catch (error) {
    throw new LinesideError('SECRET_UNREADABLE', 'config', `cannot read the secret in ${file}: ${messageOf(error)}`);
  }
  throw new LinesideError(
    'SECRET_UNREADABLE',
    'config',
    `the secret's file ${file} is empty; write the password into it`,
  );
}

function explain(
  document: ConfigDocument,
  schema: TSchema,
  at: ConfigPath,
  errors: SchemaError[],
  value: unknown,
): ConfigProblem[] {
  const problems = new Map<string, ConfigProblem>();
  const choices = choicesByPath(errors);
  for (const error of errors) {
    const path = parsePointer(error.instancePath);
    const message = say(error, path, schema, choices.get(error.instancePath), value);
    if (message === null) continue;
    const full = [...at, ...path];
    const key = `${error.instancePath} ${message}`;
    if (!problems.has(key)) problems.set(key, document.problem(full, message));
  }
  return [...problems.values()];
}

/** Where a value had to be one of several, the errors of all branches come: gather the words allowed. */
function choicesByPath(errors: SchemaError[]): Map<string, unknown[]> {
  const choices = new Map<string, unknown[]>();
  for (const error of errors) {
    if (error.keyword !== 'const') continue;
    const known = choices.get(error.instancePath) ?? [];
    known.push(error.params.allowedValue);
    choices.set(error.instancePath, known);
  }
  return choices;
}

function say(
  error: SchemaError,
  path: ConfigPath,
  schema: TSchema,
  choices: unknown[] | undefined,
  root: unknown,
): string | null {
  const field = String(path.at(-1) ?? 'the file');
  const given = JSON.stringify(path.reduce<unknown>((v, step) => (v as Record<string, unknown>)?.[step], root));
  switch (error.keyword) {
    case 'boolean': {
      const known = knownKeys(schema, path.slice(0, -1));
      const near = nearest(field, known);
      return `unknown key "${field}"; ${near ? `did you mean "${near}"?` : `known keys: ${known.join(', ')}`}`;
    }
    case 'additionalProperties':
      return null;
    case 'required':
      return `"${(error.params.requiredProperties as string[]).join('", "')}" is missing; add it`;
    case 'const':
    case 'anyOf':
      if (choices) return `"${field}" is ${given}, but must be one of ${choices.join(', ')}`;
      return error.keyword === 'anyOf'
        ? `"${field}" is ${given}, which does not fit; see the example configuration`
        : null;
    case 'type':
      if (choices) return null;
      return `"${field}" is ${given}, but must be ${article(String(error.params.type))}`;
    case 'pattern':
      return `"${field}" is ${given}, which does not match ${String(error.params.pattern)}`;
    default:
      return `"${field}" is ${given}, but ${error.message}`;
  }
}

function article(type: string): string {
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}

function parsePointer(pointer: string): ConfigPath {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
}

interface AnySchema {
  properties?: Record<string, AnySchema>;
  items?: AnySchema;
  anyOf?: AnySchema[];
  allOf?: AnySchema[];
  additionalProperties?: AnySchema | boolean;
}

function knownKeys(schema: TSchema, path: ConfigPath): string[] {
  let nodes: AnySchema[] = [schema as AnySchema];
  for (const step of path) {
    nodes = nodes.flatMap(expand).flatMap((node) => {
      const next = typeof step === 'number' ? node.items : node.properties?.[step];
      return next ? [next] : [];
    });
  }
  return [...new Set(nodes.flatMap(expand).flatMap((node) => Object.keys(node.properties ?? {})))];
}

function expand(node: AnySchema): AnySchema[] {
  return [node, ...(node.anyOf ?? []), ...(node.allOf ?? [])];
}

/** The known word with the fewest edits, when they are few enough to be a slip of the finger. */
export function nearest(word: string, known: string[]): string | undefined {
  const ranked = known
    .map((candidate) => ({ candidate, distance: editDistance(word.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best && best.distance <= Math.max(2, Math.floor(word.length / 3)) ? best.candidate : undefined;
}

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(change, previous[j]! + 1, current[j - 1]! + 1));
    }
    previous = current;
  }
  return previous[b.length]!;
}
