/** Whether equipment lies at or below a place of the plant. Both are ISA-95 paths, such as acme/hamburg/packaging. */
export function isAtOrBelow(path: string, place: string): boolean {
  return path === place || path.startsWith(`${place}/`);
}
