import type { Page } from '@lineside/shared/contracts/page.ts';
import { request } from './http.ts';

/** Of a list that is wanted as a whole: as many as the hub gives at once. */
const WHOLE = 1_000;

/** Every page of a list. @param path with or without a query */
export async function all<T>(path: string, signal: AbortSignal): Promise<T[]> {
  const items: T[] = [];
  const pages = `${path}${path.includes('?') ? '&' : '?'}limit=${WHOLE}`;
  for (let cursor: string | null = null; ; ) {
    const page: Page<T> = await request<Page<T>>(pages + after(cursor), { signal });
    items.push(...page.items);
    if (page.next === null) return items;
    cursor = page.next;
  }
}

export function after(cursor: string | null): string {
  return cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
}
