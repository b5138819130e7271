/** One level of a server's nodes with their present values, for somebody who looks around in it. */
import { type FoundNode, MAX_NODES, type NodeLevel } from '@lineside/shared/contracts/device-look.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import {
  AttributeIds,
  DataValue,
  NodeClass,
  ObjectIds,
  type ReferenceDescription,
  resolveNodeId,
  Variant,
  VariantArrayType,
} from 'node-opcua-client';
import { parseAddress } from './address.ts';
import { insidesOf, isElsewhere, isProperty } from './browse.ts';
import { convert, typeName } from './convert.ts';
import { DataTypes, describeEach, textOf } from './describe-variables.ts';
import { nodeIdText, tagLine, tagNames } from './device-yaml.ts';
import { findNodes } from './find-nodes.ts';
import type { Errand } from './session.ts';

/** A value is shown by its beginning. Characters, and elements of an array. */
const SHOWN = 300;
const ELEMENTS = 20;

const MAY_READ = 1;
const MAY_WRITE = 2;

/**
 * @param node null: the folder Objects
 * @param aliases short names for namespaces
 * @throws LinesideError DEVICE_LOOK when there is no such node; what the server throws
 */
export async function nodesBelow(
  { session, batches, namespaces }: Errand,
  node: string | null,
  now: () => number,
  aliases?: Record<string, string>,
): Promise<NodeLevel> {
  const start =
    node === null ? `i=${ObjectIds.ObjectsFolder}` : await find({ session, batches, namespaces }, node, aliases);
  const closed = new Map<string, number>();
  const [inside = []] = await insidesOf(session, batches, [{ nodeId: resolveNodeId(start) }], closed);
  const [status] = closed.keys();
  if (status !== undefined) {
    throw new LinesideError(
      'DEVICE_LOOK',
      'outside',
      `the server does not open ${node ?? 'the folder Objects'}: ${status}`,
    );
  }
  const all = distinct(inside.filter((one) => !isProperty(one) && !isElsewhere(one)));
  const shown = all.slice(0, MAX_NODES);
  const variables = shown.filter(({ nodeClass }) => nodeClass === NodeClass.Variable);
  const told = new Map(await describe({ session, batches, namespaces }, variables));
  const nodes = shown.map((reference): FoundNode => {
    const { nodeId, displayName, browseName } = reference;
    const about = told.get(reference);
    return {
      nodeId: nodeIdText(nodeId, namespaces),
      name: textOf(displayName) || browseName.name || nodeId.toString(),
      ...(about ?? { kind: 'object', inside: true, description: '' }),
    };
  });
  return { at: now(), nodes, left: all.length - shown.length };
}

async function find({ session, batches, namespaces }: Errand, node: string, aliases?: Record<string, string>) {
  const address = parseAddress({ nodeId: node }, aliases);
  if (typeof address === 'string') throw new LinesideError('DEVICE_LOOK', 'peer', address);
  const [found] = await findNodes(session, batches, namespaces, [address]);
  if (found && 'nodeId' in found) return found.nodeId;
  throw new LinesideError('DEVICE_LOOK', 'outside', `${node}: ${found?.why}`);
}

/** A node may be reached by several references. */
function distinct(references: readonly ReferenceDescription[]): ReferenceDescription[] {
  return [...new Map(references.map((one) => [one.nodeId.toString(), one])).values()];
}

type About = Omit<FoundNode, 'nodeId' | 'name'>;

async function describe(
  { session, batches, namespaces }: Errand,
  variables: readonly ReferenceDescription[],
): Promise<[ReferenceDescription, About][]> {
  const below = await insidesOf(session, batches, variables, new Map());
  const found = variables.map(({ nodeId, browseName }, i) => {
    const units = below[i]!.find((one) => isProperty(one) && one.browseName.name === 'EngineeringUnits');
    return { nodeId, path: [browseName.name ?? ''], units: units?.nodeId ?? null };
  });
  const described = await describeEach(session, batches, found);
  const asked = variables.map(({ nodeId }) => ({ nodeId, attributeId: AttributeIds.Value }));
  const values = await batches.each('read', asked, (some) => session.read(some));
  const types = new DataTypes(session);
  const names = tagNames(found.map(({ path }) => path));
  const all: [ReferenceDescription, About][] = [];
  for (const [i, variable] of variables.entries()) {
    const { dataType, isArray, access, description, ...one } = described[i]!;
    const value = values[i]!;
    const unit = 'type' in one ? one.unit : '';
    all.push([
      variable,
      {
        kind: 'variable',
        inside: below[i]!.some((reference) => !isProperty(reference) && !isElsewhere(reference)),
        description,
        ...(dataType ? { dataType: `${await types.nameOf(dataType)}${isArray ? '[]' : ''}` } : {}),
        ...(unit === '' ? {} : { unit }),
        ...(access === null ? {} : { access: accessOf(access) }),
        ...{ value: shownAs(value), quality: value.statusCode.value >>> 0 },
        ...('type' in one ? { tag: tagLine(names[i]!, { ...one, description }, namespaces) } : { noTag: one.why }),
      },
    ]);
  }
  return all;
}

function accessOf(level: number): NonNullable<FoundNode['access']> {
  const [reads, writes] = [(level & MAY_READ) !== 0, (level & MAY_WRITE) !== 0];
  if (reads) return writes ? 'readWrite' : 'read';
  return writes ? 'write' : 'none';
}

/** Its beginning, as text; null when there is none. */
function shownAs({ value: variant, statusCode }: DataValue): string | null {
  if (statusCode.name.startsWith('Bad') || variant?.value === null || variant?.value === undefined) return null;
  if (variant.arrayType === VariantArrayType.Scalar) return scalarText(variant).slice(0, SHOWN);
  const { dataType } = variant;
  const elements = Array.from(variant.value as ArrayLike<unknown>);
  const some = elements
    .slice(0, ELEMENTS)
    .map((value) => scalarText(new Variant({ dataType, arrayType: VariantArrayType.Scalar, value })));
  const rest = elements.length > ELEMENTS ? `, … (${elements.length})` : '';
  return `${some.join(', ').slice(0, SHOWN)}${rest}`;
}

function scalarText(variant: Variant): string {
  if (typeof variant.value === 'boolean') return String(variant.value);
  const value = new DataValue({ value: variant });
  const shown = convert(value, 'float64').value ?? convert(value, 'string').value;
  return shown === null ? `(${typeName(variant.dataType)})` : String(shown);
}
