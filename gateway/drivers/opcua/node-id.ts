/** Node ids as an operator writes them (OPC 10000-6, 5.1.12). */

/** By its URI, which stays when the server restarts, or by its index, which may not. */
export type Namespace = { uri: string } | { index: number };

export interface NodeAddress {
  namespace: Namespace;
  /** Kind and identifier, such as `s=Packer.Speed` or `i=2258`. */
  identifier: string;
}

const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * Reads a node id; a string is the operator's remedy.
 *
 * @param aliases short name → namespace URI
 */
export function parseNodeId(text: string, aliases: Record<string, string> = {}): NodeAddress | string {
  const match = /^(?:ns=(\d{1,5});|nsu=([^;]+);)?([isgb])=(.+)$/s.exec(text);
  if (!match) {
    return `"${text}" is not a node id: write it as nsu=<namespace URI>;s=<name>, or ns=<index>;s=<name> (i= for a number, g= for a GUID, b= for bytes)`;
  }
  const [, index, uri, kind, value] = match as unknown as [string, string?, string?, string?, string?];
  if (kind === 'i' && !(/^\d{1,10}$/.test(value!) && Number(value) <= 0xffff_ffff)) {
    return `"${text}": i= takes a number from 0 to 4294967295; write s= when the name of the node is a text`;
  }
  if (kind === 'g' && !GUID.test(value!)) {
    return `"${text}": g= takes a GUID such as 09087e75-8e5e-499b-954f-f2a9603db28a`;
  }
  if (kind === 'b' && !/^[A-Za-z0-9+/]+={0,2}$/.test(value!)) return `"${text}": b= takes bytes in base64`;
  if (Number(index ?? 0) > 65535)
    return `"${text}": a namespace index goes from 0 to 65535; better write nsu=<namespace URI>`;
  const identifier = `${kind}=${value}`;
  if (uri === undefined) return { namespace: { index: Number(index ?? 0) }, identifier };
  return { namespace: namespaceOf(uri, aliases), identifier };
}

/** What follows `nsu=`: a short name, or a URI with the standard's own escapes where it holds ";" or "%". */
export function namespaceOf(text: string, aliases: Record<string, string>): Namespace {
  const uri = Object.hasOwn(aliases, text) ? aliases[text]! : text.replace(/%3B/gi, ';').replace(/%25/g, '%');
  return { uri };
}

/** The form with an index, against the server's list of namespaces; null when the server does not have it. */
export function resolve(address: NodeAddress, namespaces: readonly string[]): string | null {
  const index = namespaceIndex(address.namespace, namespaces);
  return index < 0 ? null : `ns=${index};${address.identifier}`;
}

/** Place in the server's list of namespaces; negative when the server does not have it. */
export function namespaceIndex(namespace: Namespace, namespaces: readonly string[]): number {
  return 'uri' in namespace ? namespaces.indexOf(namespace.uri) : namespace.index;
}
