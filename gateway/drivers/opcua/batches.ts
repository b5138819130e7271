/**
 * Requests of a size that the server takes: what its OperationLimits say, or what it is found to take.
 *
 * Many servers of small PLCs leave OperationLimits out, or say 0 ("no limit") and refuse a large request all the
 * same, so a refusal for its size halves the size for good.
 */
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { AttributeIds, type ClientSession, VariableIds } from 'node-opcua-client';

/** Where a server says nothing: common servers refuse more than 1,000. */
const UNKNOWN = 1000;

/** The limits by service, as in OPC 10000-5, 6.3.11. */
const LIMITS = {
  read: VariableIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead,
  browse: VariableIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerBrowse,
  translate: VariableIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerTranslateBrowsePathsToNodeIds,
  monitor: VariableIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall,
  history: VariableIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerHistoryReadData,
} as const;
export type LimitedService = keyof typeof LIMITS;
const SERVICES = Object.keys(LIMITS) as LimitedService[];

const TOO_LARGE =
  /BadTooManyOperations|BadTooManyMonitoredItems|BadRequestTooLarge|BadResponseTooLarge|BadEncodingLimitsExceeded|BadTcpMessageTooLarge/;

export class Batches {
  readonly #sizes: Record<LimitedService, number>;

  /** @param atMost operations in one request, whatever the server says */
  constructor(atMost: number = UNKNOWN) {
    this.#sizes = { read: atMost, browse: atMost, translate: atMost, monitor: atMost, history: atMost };
  }

  /** Operations in one request of this service. */
  size(service: LimitedService): number {
    return this.#sizes[service];
  }

  /** Asks the server for its limits. A server that has none, or refuses to say, is no error. */
  async learn(session: ClientSession): Promise<void> {
    const nodes = SERVICES.map((service) => ({ nodeId: `i=${LIMITS[service]}`, attributeId: AttributeIds.Value }));
    const limits = await session.read(nodes);
    SERVICES.forEach((service, i) => {
      const limit: unknown = limits[i]?.statusCode.isGood() ? limits[i]!.value?.value : null;
      if (typeof limit === 'number' && limit > 0) this.#sizes[service] = Math.min(this.#sizes[service], limit);
    });
  }

  /**
   * Calls for all operations, some at a time and one request after the other.
   *
   * @param call gives one result for each operation, in their order
   * @throws what `call` throws, unless that is the request's size
   */
  async each<Operation, Result>(
    service: LimitedService,
    operations: Operation[],
    call: (some: Operation[]) => Promise<Result[]>,
  ): Promise<Result[]> {
    const results: Result[] = [];
    while (results.length < operations.length) {
      const some = operations.slice(results.length, results.length + this.#sizes[service]);
      try {
        const answered = await call(some);
        if (answered.length !== some.length) {
          throw new Error(`the server answered ${answered.length} of ${some.length} operations`);
        }
        for (const result of answered) results.push(result);
      } catch (error) {
        if (some.length === 1 || !TOO_LARGE.test(messageOf(error))) throw error;
        this.#sizes[service] = Math.ceil(some.length / 2);
      }
    }
    return results;
  }
}
