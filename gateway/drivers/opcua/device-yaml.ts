/** A device with the tags that were found, as YAML to paste into a gateway's configuration. */
import type { NodeId } from 'node-opcua-client';
import type { Described } from './describe-variables.ts';

export interface DeviceHead {
  id: string;
  endpoint: string;
}

export function deviceYaml(
  { id, endpoint }: DeviceHead,
  tags: readonly Described[],
  namespaces: readonly string[],
): string {
  const names = tagNames(tags.map(({ variable }) => variable.path));
  const lines = tags.map((tag, i) => `      ${tagLine(names[i]!, tag, namespaces)}`);
  const head = ['devices:', `  - id: ${id}`, '    driver: opcua', `    endpoint: ${quoted(endpoint)}`];
  return `${[...head, lines.length > 0 ? '    tags:' : '    tags: []', ...lines].join('\n')}\n`;
}

/** An entry for `tags:`. */
export function tagLine(
  name: string,
  { variable, type, unit, description }: Described,
  namespaces: readonly string[],
): string {
  const parts = [`name: ${quoted(name)}`, `nodeId: ${quoted(nodeIdText(variable.nodeId, namespaces))}`];
  if (type !== 'float64') parts.push(`type: ${type}`);
  if (unit !== '') parts.push(`unit: ${quoted(unit)}`);
  if (description !== '' && description !== variable.path.at(-1)) {
    parts.push(`description: ${quoted(description.slice(0, 500))}`);
  }
  return `- { ${parts.join(', ')} }`;
}

/** A JSON string is a YAML string, whatever it holds. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

/** By namespace URI, with the standard's escapes. */
export function nodeIdText(nodeId: NodeId, namespaces: readonly string[]): string {
  const identifier = nodeId.toString().replace(/^ns=\d+;/, '');
  const uri = namespaces[nodeId.namespace];
  if (nodeId.namespace === 0) return identifier;
  if (uri === undefined) return nodeId.toString();
  return `nsu=${uri.replaceAll('%', '%25').replaceAll(';', '%3B')};${identifier}`;
}

/** The last name of each path, with as many of the names above it as it takes to tell it from the others. */
export function tagNames(paths: readonly string[][]): string[] {
  const levels = paths.map(() => 1);
  const plain = paths.map((path) => path.map(plainName));
  const longest = Math.max(0, ...paths.map((path) => path.length));
  let names: string[] = [];
  for (let round = 0; round <= longest; round++) {
    names = plain.map((path, i) => cutTo128(path.slice(-levels[i]!).join('.')));
    const count = new Map<string, number>();
    for (const name of names) count.set(name, (count.get(name) ?? 0) + 1);
    if (count.size === names.length) return names;
    names.forEach((name, i) => {
      if (count.get(name)! > 1) levels[i] = Math.min(levels[i]! + 1, plain[i]!.length);
    });
  }
  const taken = new Set<string>();
  return names.map((name) => {
    let own = name;
    for (let n = 2; taken.has(own); n++) own = `${name.slice(0, 120)}_${n}`;
    taken.add(own);
    return own;
  });
}

/** The end tells more than the beginning. */
function cutTo128(name: string): string {
  return name.length <= 128 ? name : name.slice(-128).replace(/^[^A-Za-z0-9]+/, '');
}

/** What a tag may be called: letters without their accents, digits, _ . and -. */
function plainName(name: string): string {
  const plain = name
    .replaceAll('ß', 'ss')
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^A-Za-z0-9_.-]+/g, '_')
    .replace(/^[^A-Za-z0-9]+/, '')
    .replace(/_+$/, '');
  return plain === '' ? 'x' : plain;
}
