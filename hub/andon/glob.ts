/** Names with wildcards: * is any number of characters, ? is one; large and small letters are the same. */

/** Takes no longer than the product of both lengths, whatever the pattern. */
export function globOf(pattern: string): (name: string) => boolean {
  const wanted = [...pattern.toLowerCase()];
  return (name) => {
    const given = [...name.toLowerCase()];
    let [w, g, star, taken] = [0, 0, -1, 0];
    while (g < given.length) {
      if (wanted[w] === '*') {
        star = w++;
        taken = g;
      } else if (w < wanted.length && (wanted[w] === '?' || wanted[w] === given[g])) {
        w++;
        g++;
      } else if (star >= 0) {
        // The last star takes one character more.
        w = star + 1;
        g = ++taken;
      } else return false;
    }
    while (wanted[w] === '*') w++;
    return w === wanted.length;
  };
}
