/**
 * Browse paths as an operator writes them: the names that a client's tree shows, from the root on, such as
 * /Objects/packer:Machine/packer:Speed. For servers whose node ids change with each download of the program.
 */
import { type Namespace, namespaceOf } from './node-id.ts';

export interface BrowsePath {
  /** From the root folder; each found by a hierarchical reference. */
  steps: { namespace: Namespace; name: string }[];
}

const REMEDY =
  'write it as /Objects/<namespace>:<name>/<namespace>:<name>, where <namespace> is a short name from namespaces, an index, or nsu=<URI>;';

/** A piece of a path up to the next "/" that is not escaped; a namespace URI may hold "/" itself. */
const STEP = /\/(nsu=[^;]+;)?((?:&.|[^/&])+)/gsy;

/**
 * Reads a browse path; a string is the operator's remedy. `&` takes the meaning from a `/`, `:` or `&` after it
 * (as in OPC 10000-4, A.2).
 *
 * @param aliases short name → namespace URI
 */
export function parseBrowsePath(text: string, aliases: Record<string, string> = {}): BrowsePath | string {
  const steps: BrowsePath['steps'] = [];
  let end = 0;
  for (const match of text.matchAll(STEP)) {
    end = match.index + match[0].length;
    const [, uri, rest] = match as unknown as [string, string | undefined, string];
    if (uri !== undefined) {
      const given = uri.slice('nsu='.length, -1);
      steps.push({ namespace: namespaceOf(given, aliases), name: plain(rest) });
      continue;
    }
    const [, prefix, name] = /^(?:([A-Za-z0-9_-]+):)?(.+)$/s.exec(rest)!;
    if (prefix === undefined) steps.push({ namespace: { index: 0 }, name: plain(name!) });
    else if (Object.hasOwn(aliases, prefix)) steps.push({ namespace: { uri: aliases[prefix]! }, name: plain(name!) });
    else if (/^\d{1,5}$/.test(prefix)) steps.push({ namespace: { index: Number(prefix) }, name: plain(name!) });
    else {
      return `"${text}": there is no short name "${prefix}" in namespaces; add it there, or write "&:" when the ":" belongs to the name`;
    }
  }
  if (steps.length === 0 || end !== text.length) return `"${text}" is not a browse path: ${REMEDY}`;
  return { steps };
}

function plain(name: string): string {
  return name.replace(/&(.)/gs, '$1');
}
