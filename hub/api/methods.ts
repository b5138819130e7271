const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Whether requests of this method change nothing (RFC 9110, 9.2.1). */
export function isSafe(method: string): boolean {
  return SAFE.has(method);
}
