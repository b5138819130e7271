/** How many of a device's tags the server gives, as a sentence without a final stop. */

const number = new Intl.NumberFormat('en');

/** Empty when it gives all of them. */
export function shortfall({ asked, given, refused }: Account): string {
  const missing = asked - given;
  if (missing === 0) return '';
  const byStatus = [...refused]
    .sort(([, one], [, other]) => other - one)
    .map(([status, count]) => `${number.format(count)} ${status}`);
  return `${number.format(given)} of ${number.format(asked)} tags; ${number.format(missing)} refused: ${byStatus.join(', ')}`;
}

export interface Account {
  asked: number;
  given: number;
  /** Status → number of tags. */
  refused: Map<string, number>;
}
