/**
 * Writes over one connection: read what is there and what may be done with it, write, read back. One write at a time.
 * Only the value is sent, without a status and times, which many PLCs refuse to have written (OPC 10000-4, 5.11.4).
 */
import type { Value, ValueType } from '@lineside/shared/contracts/frame.ts';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import {
  AttributeIds,
  BrowseDirection,
  type ClientSession,
  DataValue,
  NodeClass,
  type OPCUAClient,
  ReadRequest,
  type ReadResponse,
  ReferenceTypeIds,
  TimestampsToReturn,
  Variant,
  WriteRequest,
  type WriteResponse,
} from 'node-opcua-client';
import type { WriteResult } from '../driver.ts';
import { convert } from './convert.ts';
import { type Answer, requestOnce } from './request-once.ts';
import { type Encoded, encodeValue } from './write-value.ts';
import { leavesUnsure, refusalWords } from './write-words.ts';

/** Writes to one device that may wait for each other. */
const MOST_WAITING = 100;

/** A PLC may take a value over in its next cycle: so long it is looked at again when it differs, milliseconds. */
const LOOK_AGAIN_MS = [50, 150, 300, 500];

/** Built-in types that say what to write; those behind them are structures, and `Number` and the like are abstract. */
const LAST_SIMPLE = 23;

const ASKED = [
  AttributeIds.Value,
  AttributeIds.DataType,
  AttributeIds.ValueRank,
  AttributeIds.AccessLevel,
  AttributeIds.UserAccessLevel,
];

/** The second bit of an access level (OPC 10000-3, 8.57). */
const MAY_WRITE = 2;

export interface WriteTarget {
  client: OPCUAClient;
  session: ClientSession;
  nodeId: string;
}

export class Writer {
  /** Where an item is written; a string when it cannot be now: why. */
  readonly #target: (index: number) => WriteTarget | string;
  readonly #open = new Set<(answer: { failure: string }) => void>();
  /** Node id of a data type → the built-in type that it is derived from; null when that is no simple one. */
  readonly #types = new Map<string, number | null>();
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(target: (index: number) => WriteTarget | string) {
    this.#target = target;
  }

  /** @param type that the tag has in frames. Never rejects. */
  write(index: number, type: ValueType, value: Value): Promise<WriteResult> {
    if (this.#waiting >= MOST_WAITING) {
      return Promise.resolve(unwritten(`${MOST_WAITING} writes to this device wait already; write less often`));
    }
    this.#waiting++;
    const result = this.#turn
      .then(() => this.#write(index, type, value))
      // Such as an answer of a form that no server should give.
      .catch((error) => ({ ok: false, old: null, new: null, error: `it is not known: ${messageOf(error)}` }))
      .finally(() => this.#waiting--);
    this.#turn = result;
    return result;
  }

  /** The connection is lost: nothing that is under way comes to its end. */
  abandon(reason: string): void {
    for (const settle of [...this.#open]) settle({ failure: reason });
  }

  async #write(index: number, type: ValueType, value: Value): Promise<WriteResult> {
    const target = this.#target(index);
    if (typeof target === 'string') return unwritten(target);
    const before = await this.#read(target, ASKED);
    if (!('response' in before)) return unwritten(`the node could not be read before: ${said(before)}`);
    const [held, dataType, rank, access, userAccess] = before.response as [
      DataValue,
      DataValue,
      DataValue,
      DataValue,
      DataValue,
    ];
    if (/^BadNodeId/.test(dataType.statusCode.name)) return unwritten(refusalWords(dataType.statusCode.name));
    const obstacle = refusedBefore(rank, access, userAccess);
    if (obstacle) return unwritten(obstacle);
    const { value: old, mismatch } = convert(held, type);
    if (mismatch) return unwritten(`the server gives ${mismatch}, the configuration says ${type}; correct type`);
    const builtIn = await this.#builtInType(target, dataType, held);
    if (typeof builtIn === 'string') return unwritten(builtIn);
    const whole = type === 'integer' && typeof value === 'number';
    const encoded = encodeValue(builtIn, whole ? Math.round(value) : value);
    if (typeof encoded === 'string') return unwritten(encoded);
    const expected = convert(new DataValue({ value: new Variant(encoded) }), type).value;
    // The connection may have been lost while it was read.
    const still = this.#target(index);
    if (typeof still === 'string') return unwritten(still);
    const outcome = await this.#send(still, encoded);
    if ('failure' in outcome) {
      return { ok: false, old, new: null, error: `it is not known whether it was written: ${outcome.failure}` };
    }
    const { status } = outcome;
    if (status.startsWith('Bad') && !leavesUnsure(status)) {
      return { ok: false, old, new: old, error: refusalWords(status) };
    }
    return this.#readBack(still, type, { old, expected, status });
  }

  async #readBack(
    target: WriteTarget,
    type: ValueType,
    { old, expected, status }: { old: Value; expected: Value; status: string },
  ): Promise<WriteResult> {
    const unsure = status.startsWith('Bad');
    const saying = unsure
      ? `it is not known whether it was written: the server said ${status}`
      : 'the server confirmed it';
    for (let look = 0; ; look++) {
      const after = await this.#read(target, [AttributeIds.Value]);
      const held = 'response' in after ? convert(after.response[0]!, type) : null;
      if (!held || (held.value === null && !unsure)) {
        const why = 'response' in after ? after.response[0]!.statusCode.name : said(after);
        const error = `${saying}, and it could not be read back: ${why}`;
        return { ok: false, old, new: null, error };
      }
      if (unsure) {
        return { ok: false, old, new: held.value, error: `${saying}; it holds ${String(held.value)} now` };
      }
      if (held.value === expected) return { ok: true, old, new: expected, error: '' };
      const pause = LOOK_AGAIN_MS[look];
      if (pause === undefined) {
        const error = `the server confirmed ${String(expected)} and holds ${String(held.value)}: it limits the value, another program writes it too, or it takes it over later`;
        return { ok: false, old, new: held.value, error };
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  async #read({ client, session, nodeId }: WriteTarget, attributes: AttributeIds[]): Promise<Answer<DataValue[]>> {
    const request = new ReadRequest({
      // From the machine, not out of the server's store.
      maxAge: 0,
      timestampsToReturn: TimestampsToReturn.Neither,
      nodesToRead: attributes.map((attributeId) => ({ nodeId, attributeId })),
    });
    const answer = await this.#orAbandoned(requestOnce<ReadResponse>(client, session, request));
    if (!('response' in answer)) return answer;
    const results = answer.response.results ?? [];
    return results.length === attributes.length ? { response: results } : { failure: 'the server answered in part' };
  }

  async #send(
    { client, session, nodeId }: WriteTarget,
    encoded: Encoded,
  ): Promise<{ status: string } | { failure: string }> {
    const request = new WriteRequest({
      nodesToWrite: [
        { nodeId, attributeId: AttributeIds.Value, value: new DataValue({ value: new Variant(encoded) }) },
      ],
    });
    const answer = await this.#orAbandoned(requestOnce<WriteResponse>(client, session, request));
    if (!('response' in answer)) return answer;
    const status = answer.response.results?.[0]?.name;
    return status === undefined ? { failure: 'the server answered without a result' } : { status };
  }

  /** The built-in type to write; a string when there is none: why. */
  async #builtInType({ session }: WriteTarget, dataType: DataValue, held: DataValue): Promise<number | string> {
    const id: unknown = dataType.statusCode.isGoodish() ? dataType.value?.value : null;
    const present = held.value?.dataType ?? 0;
    const key = String(id);
    let type = this.#types.get(key);
    if (id && type === undefined) {
      const found = await this.#orAbandoned(derivedFrom(session, key));
      if ('failure' in found) return `the type of the node could not be read: ${found.failure}`;
      type = found.response;
      this.#types.set(key, type);
    }
    // Of an abstract type, or an unknown one, it is written as what it holds.
    type ??= present > 0 ? present : null;
    return type ?? `the server does not say which type the node has, and it holds no value to tell by`;
  }

  #orAbandoned<Result>(answer: Promise<Result>): Promise<Result | { failure: string }> {
    return new Promise((resolve) => {
      const settle = (result: Result | { failure: string }) => {
        this.#open.delete(settle);
        resolve(result);
      };
      this.#open.add(settle);
      void answer.then(settle);
    });
  }
}

/** Goes up from a data type to the built-in one, such as from an enumeration to Int32. Never rejects. */
async function derivedFrom(
  session: ClientSession,
  dataType: string,
): Promise<{ response: number | null } | { failure: string }> {
  /** Enumerations are written as Int32 (OPC 10000-3, 8.14). */
  const ENUMERATION = 29;
  const INT32 = 6;
  let node = dataType;
  try {
    for (let level = 0; level < 20; level++) {
      const standard = /^(?:ns=0;)?i=(\d+)$/.exec(node);
      const number = Number(standard?.[1] ?? 0);
      if (number === ENUMERATION) return { response: INT32 };
      if (number > 0 && number <= LAST_SIMPLE) return { response: number };
      const { references } = await session.browse({
        nodeId: node,
        browseDirection: BrowseDirection.Inverse,
        referenceTypeId: `i=${ReferenceTypeIds.HasSubtype}`,
        includeSubtypes: true,
        nodeClassMask: NodeClass.DataType,
        resultMask: 0,
      });
      const parent = references?.[0]?.nodeId;
      if (!parent) break;
      node = parent.toString();
    }
    return { response: null };
  } catch (error) {
    return { failure: messageOf(error) };
  }
}

/** What the node itself says against it. A server that leaves an attribute out is not asked twice: the write tells. */
function refusedBefore(rank: DataValue, access: DataValue, userAccess: DataValue): string | null {
  const number = (data: DataValue): number | null => {
    const value: unknown = data.statusCode.isGoodish() ? data.value?.value : null;
    return typeof value === 'number' ? value : null;
  };
  const dimensions = number(rank) ?? -1;
  // −1 scalar, −2 any, −3 scalar or one dimension (OPC 10000-3, 5.6.2).
  if (dimensions >= 0) return 'the node holds an array, of which nothing can be written';
  const level = number(access);
  if (level !== null && (level & MAY_WRITE) === 0) return refusalWords('BadNotWritable');
  const own = number(userAccess);
  if (own !== null && (own & MAY_WRITE) === 0) return refusalWords('BadUserAccessDenied');
  return null;
}

function unwritten(why: string): WriteResult {
  return { ok: false, old: null, new: null, error: `nothing was written: ${why}` };
}

function said(answer: { status: string } | { failure: string }): string {
  return 'status' in answer ? `the server says ${answer.status}` : answer.failure;
}
