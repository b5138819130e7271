/** Names with wildcards: * is any number of characters, ? is one; large and small letters are the same. */
export function globOf(pattern: string): (name: string) => boolean {
  const wanted = [...pattern.toLowerCase()];
  const same = (sign: string, character: string) => sign === '?' || sign === character;
  return (name) => matchesWild(wanted, [...name.toLowerCase()], (sign) => sign === '*', same);
}

/**
 * Whether a list is as a pattern says. Takes no longer than the product of both lengths, whatever the pattern.
 *
 * @param isAny whether a part of the pattern stands for any number of items
 * @param same whether another part of it is this item
 */
export function matchesWild(
  pattern: readonly string[],
  list: readonly string[],
  isAny: (part: string) => boolean,
  same: (part: string, item: string) => boolean,
): boolean {
  let [p, i, any, taken] = [0, 0, -1, 0];
  while (i < list.length) {
    if (p < pattern.length && isAny(pattern[p]!)) {
      any = p++;
      taken = i;
    } else if (p < pattern.length && same(pattern[p]!, list[i]!)) {
      p++;
      i++;
    } else if (any >= 0) {
      // The last "any number" takes one more.
      p = any + 1;
      i = ++taken;
    } else return false;
  }
  while (p < pattern.length && isAny(pattern[p]!)) p++;
  return p === pattern.length;
}
