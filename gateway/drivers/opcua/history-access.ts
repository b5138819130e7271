/**
 * Reads the history that a server keeps of its values (HistoryRead, OPC 10000-11, 6.4.3), page by page. The client's own
 * `readHistoryValue` gives the first page only.
 */
import {
  AttributeIds,
  type ClientSession,
  type DataValue,
  HistoryData,
  HistoryReadRequest,
  ReadRawModifiedDetails,
  TimestampsToReturn,
} from 'node-opcua-client';
import type { Batches } from './batches.ts';
import type { OpcUaDevice } from './config.ts';

/** Bit of AccessLevel: the node has a history that can be read (OPC 10000-3, 8.57). */
const HISTORY_READ = 0x04;

/** Nodes in one request, whatever the server takes: an answer is shared out among them. */
const MAX_NODES = 100;

export interface HistoryNode {
  index: number;
  /** Where the page before has ended; null for the first one. */
  continuation: Buffer | null;
}

export interface HistoryPage {
  /** Name of the node's status, such as `GoodNoData`. */
  status: string;
  good: boolean;
  values: DataValue[];
  /** Set when there is more. It is the server's memory: it has to be used or released. */
  continuation: Buffer | null;
}

export class HistoryAccess {
  readonly #session: ClientSession;
  readonly #batches: Batches;
  readonly #nodeIds: ReadonlyMap<number, string>;
  readonly #timestamps: TimestampsToReturn;

  /** @param nodeIds of the items that the server gives, by their index */
  constructor(
    session: ClientSession,
    batches: Batches,
    nodeIds: ReadonlyMap<number, string>,
    timestamps: OpcUaDevice['timestamps'],
  ) {
    this.#session = session;
    this.#batches = batches;
    this.#nodeIds = nodeIds;
    // With the server's times alone, the span is of the server's time, too (OPC 10000-11, 6.4.3.2).
    this.#timestamps = timestamps === 'server' ? TimestampsToReturn.Server : TimestampsToReturn.Both;
  }

  /** Nodes in one request, at most. */
  get maxNodes(): number {
    return Math.min(MAX_NODES, this.#batches.size('history'));
  }

  /** Whether the server gives the item at all. */
  gives(index: number): boolean {
    return this.#nodeIds.has(index);
  }

  /** Which of the items have a history that may be read; those that the server does not give are left out. */
  async readable(indexes: number[]): Promise<Map<number, boolean>> {
    const given = indexes.filter((index) => this.gives(index));
    const nodes = given.map((index) => ({
      nodeId: this.#nodeIds.get(index)!,
      attributeId: AttributeIds.AccessLevel,
    }));
    const levels = await this.#batches.each('read', nodes, (some) => this.#session.read(some));
    return new Map(given.map((index, i) => [index, has(levels[i]!)]));
  }

  /**
   * One page of the values of each node, by time.
   *
   * @param from first time that is wanted, milliseconds since 1970 UTC
   * @param to first time that is not
   * @param valuesPerNode in one page, at most
   * @throws what the server says against the request as a whole
   */
  async page(nodes: HistoryNode[], from: number, to: number, valuesPerNode: number): Promise<HistoryPage[]> {
    const { results } = await this.#session.historyRead(
      new HistoryReadRequest({
        historyReadDetails: new ReadRawModifiedDetails({
          isReadModified: false,
          startTime: new Date(from),
          endTime: new Date(to),
          numValuesPerNode: valuesPerNode,
          returnBounds: false,
        }),
        timestampsToReturn: this.#timestamps,
        releaseContinuationPoints: false,
        nodesToRead: this.#asked(nodes),
      }),
    );
    if (results?.length !== nodes.length) {
      throw new Error(`the server answered ${results?.length ?? 0} of ${nodes.length} reads of history`);
    }
    return results.map(({ statusCode, historyData, continuationPoint }) => ({
      status: statusCode.name,
      good: statusCode.isGoodish(),
      values: historyData instanceof HistoryData ? (historyData.dataValues ?? []) : [],
      continuation: continuationPoint?.length ? continuationPoint : null,
    }));
  }

  /** Gives back what the server keeps for pages that are no longer wanted. Never rejects. */
  async release(nodes: HistoryNode[]): Promise<void> {
    const kept = nodes.filter(({ continuation }) => continuation !== null);
    if (kept.length === 0) return;
    const request = new HistoryReadRequest({
      historyReadDetails: new ReadRawModifiedDetails({ isReadModified: false }),
      timestampsToReturn: this.#timestamps,
      releaseContinuationPoints: true,
      nodesToRead: this.#asked(kept),
    });
    await this.#session.historyRead(request).catch(() => {});
  }

  #asked(nodes: HistoryNode[]) {
    return nodes.map(({ index, continuation }) => ({
      nodeId: this.#nodeIds.get(index)!,
      ...(continuation ? { continuationPoint: continuation } : {}),
    }));
  }
}

function has({ statusCode, value }: DataValue): boolean {
  return statusCode.isGood() && (Number(value?.value) & HISTORY_READ) !== 0;
}
