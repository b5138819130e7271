/** What a tag needs to know of a variable: its type, its unit, its description, and whether it can be a tag at all. */
import type { ValueType } from '@lineside/shared/contracts/frame.ts';
import {
  AttributeIds,
  BrowseDirection,
  type ClientSession,
  type DataValue,
  NodeId,
  ReferenceTypeIds,
} from 'node-opcua-client';
import type { Batches } from './batches.ts';
import type { FoundVariable } from './browse.ts';

export interface Described {
  variable: FoundVariable;
  type: ValueType;
  unit: string;
  description: string;
}

/** What a variable says of itself. */
interface Attributes {
  variable: FoundVariable;
  description: string;
  /** Null where the server does not say. */
  dataType: NodeId | null;
  isArray: boolean;
  /** Bits of OPC 10000-3, 8.57; null where the server does not say. */
  access: number | null;
}

/** One that can be a tag has a type; of the others `why` says why they cannot. */
export type Variable = Attributes & ({ type: ValueType; unit: string } | { why: string });

export interface Descriptions {
  described: Described[];
  /** Why variables were left out → how many. */
  leftOut: Map<string, number>;
}

/** The data types of the standard (OPC 10000-6, 5.1.2 and A.3) that a tag can hold; all others derive from some. */
const TYPES: Record<number, ValueType | null> = {
  1: 'boolean',
  2: 'integer',
  3: 'integer',
  4: 'integer',
  5: 'integer',
  6: 'integer',
  7: 'integer',
  8: 'integer',
  9: 'integer',
  10: 'float32',
  11: 'float64',
  12: 'string',
  13: 'string',
  14: 'string',
  20: 'string',
  21: 'string',
  24: null,
  26: 'float64',
  27: 'integer',
  28: 'integer',
  29: 'integer',
};

/** Type, rank, access and description of each variable, and its unit where it has one. */
const ATTRIBUTES = [
  AttributeIds.DataType,
  AttributeIds.ValueRank,
  AttributeIds.UserAccessLevel,
  AttributeIds.Description,
] as const;

const READABLE = 1;

export async function describeVariables(
  session: ClientSession,
  batches: Batches,
  variables: readonly FoundVariable[],
): Promise<Descriptions> {
  const leftOut = new Map<string, number>();
  const all = await describeEach(session, batches, variables);
  for (const one of all) if ('why' in one) leftOut.set(one.why, (leftOut.get(one.why) ?? 0) + 1);
  return { described: all.filter((one) => 'type' in one), leftOut };
}

/** One for each, in their order. */
export async function describeEach(
  session: ClientSession,
  batches: Batches,
  variables: readonly FoundVariable[],
): Promise<Variable[]> {
  const asked = variables.flatMap(({ nodeId }) => ATTRIBUTES.map((attributeId) => ({ nodeId, attributeId })));
  const read = (nodes: { nodeId: NodeId; attributeId: number }[]) =>
    batches.each('read', nodes, (some) => session.read(some));
  const attributes = await read(asked);
  const types = new DataTypes(session);
  const all: Variable[] = [];
  for (const [i, variable] of variables.entries()) {
    const [dataType, rank, access, description] = attributes
      .slice(i * ATTRIBUTES.length, (i + 1) * ATTRIBUTES.length)
      .map(plainOf);
    const said = {
      ...{ variable, description: textOf(description) },
      dataType: dataType instanceof NodeId ? dataType : null,
      isArray: typeof rank === 'number' && rank >= 0,
      access: typeof access === 'number' ? access : null,
    };
    const leave = (why: string) => all.push({ ...said, why });
    if (said.isArray) leave('an array');
    else if (said.access !== null && (said.access & READABLE) === 0) leave('not readable');
    else if (said.dataType === null) leave('without a data type');
    else {
      const type = await types.valueType(said.dataType);
      if (type === null) leave(`data type ${await types.nameOf(said.dataType)}`);
      else all.push({ ...said, type, unit: '' });
    }
  }
  const measured = all.filter((one) => 'type' in one).filter(({ variable }) => variable.units !== null);
  const units = await read(
    measured.map(({ variable }) => ({ nodeId: variable.units!, attributeId: AttributeIds.Value })),
  );
  measured.forEach((one, i) => {
    one.unit = textOf((plainOf(units[i]!) as { displayName?: unknown } | null)?.displayName).slice(0, 32);
  });
  return all;
}

function plainOf(data: DataValue): unknown {
  return data.statusCode.isGoodish() ? (data.value?.value ?? null) : null;
}

/** Of a LocalizedText. */
export function textOf(text: unknown): string {
  return ((text as { text?: string | null } | null)?.text ?? '').trim();
}

/** From a data type to a tag's type, through the types that it derives from; each is asked for once. */
export class DataTypes {
  readonly #session: ClientSession;
  readonly #known = new Map<string, ValueType | null>();
  readonly #names = new Map<string, string>();

  constructor(session: ClientSession) {
    this.#session = session;
  }

  async valueType(dataType: NodeId): Promise<ValueType | null> {
    const key = dataType.toString();
    let type = this.#known.get(key);
    if (type === undefined) {
      const own = dataType.namespace === 0 ? TYPES[dataType.value as number] : undefined;
      if (own === undefined) {
        this.#known.set(key, null);
        const parent = await this.#parent(dataType);
        type = parent ? await this.valueType(parent) : null;
      } else type = own;
      this.#known.set(key, type);
    }
    return type;
  }

  async nameOf(dataType: NodeId): Promise<string> {
    const key = dataType.toString();
    let name = this.#names.get(key);
    if (name === undefined) {
      const data = await this.#session.read({ nodeId: dataType, attributeId: AttributeIds.BrowseName });
      name = (plainOf(data) as { name?: string } | null)?.name ?? key;
      this.#names.set(key, name);
    }
    return name;
  }

  async #parent(nodeId: NodeId): Promise<NodeId | null> {
    const { references } = await this.#session.browse({
      nodeId,
      browseDirection: BrowseDirection.Inverse,
      referenceTypeId: ReferenceTypeIds.HasSubtype,
      includeSubtypes: false,
      nodeClassMask: 0,
      resultMask: 0,
    });
    return references?.[0]?.nodeId ?? null;
  }
}
