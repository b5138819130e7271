/**
 * PostgreSQL's text and jsonb hold neither NUL nor half a surrogate pair. Text from a device may: without this, one
 * such description or alarm would be refused for ever and hold up everything behind it.
 */
export function cleanText(text: string): string {
  return text.replaceAll('\u0000', '\ufffd').toWellFormed();
}

/** JSON for a jsonb column. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner) => (typeof inner === 'string' ? cleanText(inner) : inner));
}
