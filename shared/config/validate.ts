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
    const path = parsePointer(error.instancePath, value);
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
  const last = path.at(-1);
  const field = String(last);
  const subject = last === undefined ? 'the file' : typeof last === 'number' ? 'this entry' : `"${last}"`;
  const given = valueAt(root, path);
  const text = clip(JSON.stringify(given) ?? 'nothing');
  if (given === null && error.keyword !== 'boolean') {
    return `${subject} is empty; write its value, or remove the line`;
  }
  switch (error.keyword) {
    case 'boolean': {
      const known = knownKeys(schema, path.slice(0, -1));
      const near = nearest(field, known);
      return `unknown key "${field}"; ${near ? `did you mean "${near}"?` : `known keys: ${known.join(', ')}`}`;
    }
    case 'additionalProperties':
      return null;
    case 'required': {
      const missing = error.params.requiredProperties as string[];
      const many = missing.length > 1;
      return `"${missing.join('", "')}" ${many ? 'are' : 'is'} missing; add ${many ? 'them' : 'it'}`;
    }
    case 'const':
    case 'anyOf':
      if (choices) return `${subject} is ${text}, but must be one of ${choices.join(', ')}`;
      return error.keyword === 'anyOf' ? `${subject} is ${text}, which does not fit; see the example` : null;
    case 'type':
      if (choices) return null;
      return `${subject} is ${text}, but must be ${article(String(error.params.type))}`;
    case 'pattern': {
      const meaning = schemasAt(schema, path).find((node) => node.description)?.description;
      return `${subject} is ${text}, which does not fit; ${meaning ?? `it must match ${String(error.params.pattern)}`}`;
    }
    default:
      return `${subject} is ${text}, but ${error.message}`;
  }
}

function valueAt(root: unknown, path: ConfigPath): unknown {
  return path.reduce<unknown>((value, step) => (value as Record<string, unknown> | undefined)?.[step], root);
}

/** Short, and without the password of an address. */
function clip(given: string): string {
  const text = given.replace(/:\/\/[^@/\s]*@/, '://…@');
  return text.length <= 80 ? text : `${text.slice(0, 77)}…`;
}

function article(type: string): string {
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}

/** A JSON pointer (RFC 6901) as a path; digits are an index only within a list. */
function parsePointer(pointer: string, root: unknown): ConfigPath {
  const path: ConfigPath = [];
  for (const part of pointer.split('/').slice(1)) {
    const step = part.replaceAll('~1', '/').replaceAll('~0', '~');
    path.push(Array.isArray(valueAt(root, path)) ? Number(step) : step);
  }
  return path;
}

interface AnySchema {
  description?: string;
  properties?: Record<string, AnySchema>;
  items?: AnySchema;
  anyOf?: AnySchema[];
  allOf?: AnySchema[];
  additionalProperties?: AnySchema | boolean;
}

function schemasAt(schema: TSchema, path: ConfigPath): AnySchema[] {
  let nodes: AnySchema[] = [schema as AnySchema];
  for (const step of path) {
    nodes = nodes.flatMap(expand).flatMap((node) => {
      const next = typeof step === 'number' ? node.items : node.properties?.[step];
      return next ? [next] : [];
    });
  }
  return nodes.flatMap(expand);
}

function knownKeys(schema: TSchema, path: ConfigPath): string[] {
  return [...new Set(schemasAt(schema, path).flatMap((node) => Object.keys(node.properties ?? {})))];
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
  if (!best) return undefined;
  // Two edits make any word of two letters out of any other.
  const slips = Math.min(Math.max(2, Math.floor(word.length / 3)), word.length - 1, best.candidate.length - 1);
  return best.distance <= slips ? best.candidate : undefined;
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
