import type { Page } from '@lineside/shared/contracts/page.ts';
import { request } from './http.ts';

/** Every page of a list. @param path with a query */
export async function all<T>(path: string, signal: AbortSignal): Promise<T[]> {
  const items: T[] = [];
  for (let cursor: string | null = null; ; ) {
    const page: Page<T> = await request<Page<T>>(path + after(cursor), { signal });
    items.push(...page.items);
    if (page.next === null) return items;
    cursor = page.next;
  }
}

export function after(cursor: string | null): string {
  return cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
}
