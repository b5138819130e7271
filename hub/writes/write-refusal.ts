/** Whether a value can be right for a tag, so that a slip is told at once. The gateway has the last word. */

/** What the hub knows of a tag that somebody wants to write. */
export interface WritableTag {
  gateway: string;
  device: string;
  name: string;
  type: string;
  writable?: boolean;
  min?: number | null;
  max?: number | null;
  names?: string[] | null;
}

/** Why a value is refused, for whoever asked; null when it is not. */
export function valueRefusal(tag: WritableTag, value: number | boolean | string): string | null {
  const { name, type, min, max, names } = tag;
  if (type === 'boolean') return typeof value === 'boolean' ? null : `${name} takes true or false`;
  if (type === 'string') {
    if (typeof value !== 'string') return `${name} takes a text`;
    if (!names || names.length === 0 || names.includes(value)) return null;
    return `${name} takes one of ${names.slice(0, 20).join(', ')}`;
  }
  if (typeof value !== 'number' || !Number.isFinite(value)) return `${name} takes a number`;
  const beyond = (typeof min === 'number' && value < min) || (typeof max === 'number' && value > max);
  return beyond ? `${value} is beyond the limits of ${name}, ${min} to ${max}` : null;
}
