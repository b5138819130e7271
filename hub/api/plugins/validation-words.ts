/** What is wrong with a request that does not fit its schema, for whoever wrote it. */

/** As the validator tells it. */
export interface ValidationError {
  keyword: string;
  /** Of the value, as a JSON pointer. */
  instancePath: string;
  params: Record<string, unknown>;
  message?: string;
}

const PLACES: Record<string, string> = { querystring: 'query', params: 'address' };
/** Of one request; with the first mended, the others come to light. */
const MOST = 5;

/** @param context the part of the request, as the framework calls it */
export function validationWords(context: string, errors: readonly ValidationError[]): string {
  const place = PLACES[context] ?? context;
  const own = errors.filter((error) => !isEcho(error, errors));
  const words = (own.length > 0 ? own : errors).slice(0, MOST).map((error) => `${place}: ${wordsOf(error)}`);
  return words.join('; ');
}

function wordsOf({ keyword, instancePath, params, message = 'does not fit' }: ValidationError): string {
  const name = instancePath.slice(1);
  const inside = name === '' ? '' : ` in ${name}`;
  switch (keyword) {
    case 'enum':
      return `${name} must be one of ${listOf(params.allowedValues)}`;
    case 'required':
      return `${listOf(params.requiredProperties)} is missing${inside}`;
    case 'additionalProperties':
      return `there is no ${listOf(params.additionalProperties)}${inside}`;
    default:
      return `${name} ${message}`.trim();
  }
}

/** What says no more than another one: a value that may also be null, or a name that nothing has. */
function isEcho({ keyword, instancePath, params }: ValidationError, all: readonly ValidationError[]): boolean {
  if (keyword === 'boolean' || keyword === 'anyOf') return true;
  const isNull = keyword === 'type' && params.type === 'null';
  return isNull && all.some((other) => other.instancePath === instancePath && !isSaidOfNull(other));
}

function isSaidOfNull({ keyword, params }: ValidationError): boolean {
  return keyword === 'anyOf' || (keyword === 'type' && params.type === 'null');
}

function listOf(values: unknown): string {
  return Array.isArray(values) ? values.map(String).join(', ') : '';
}
