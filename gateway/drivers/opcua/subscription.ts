/**
 * One subscription with its monitored items, created many at a time, each with parameters of its own.
 *
 * The client's own objects for monitored items are not used: they are one event emitter an item, and one request
 * can only give all its items the same parameters.
 */
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import {
  AttributeIds,
  type ClientSession,
  type ClientSessionRawSubscriptionService,
  type ClientSubscription,
  CreateMonitoredItemsRequest,
  DataChangeFilter,
  DataChangeNotification,
  DataChangeTrigger,
  type DataValue,
  DeadbandType,
  EventNotificationList,
  type MonitoredItemCreateRequestOptions,
  MonitoringMode,
  type NotificationMessage,
  StatusCodes,
  TimestampsToReturn,
  VariableIds,
} from 'node-opcua-client';
import type { Batches } from './batches.ts';
import type { OpcUaDevice } from './config.ts';

type Deadband = { absolute: number } | { percent: number };

export interface SubscribedItem {
  samplingMs: number;
  queueSize: number;
  discardOldest: boolean;
  deadband: Deadband | null;
}

export interface SubscriptionEvents {
  changed(index: number, data: DataValue): void;
  flow(sentAt?: number): void;
  /** The server does not filter this item, and sends every change of it. */
  unfiltered(index: number, why: string): void;
  /** It will not come back: the link is to be closed. */
  ended(why: string): void;
  /** Messages with values did not come, and the server does not have them any more. */
  lost(messages: number): void;
  /** Events, which only the item at `place` gives. */
  notified(list: EventNotificationList): void;
}

/** What became of an item: null when it was created. */
export type Refusal = { quality: number; status: string } | null;

export interface Wanted {
  index: number;
  nodeId: string;
}

/** The client's own engine, of which its type says nothing. */
interface Publishing {
  getPublishEngine?(): { suspend(held: boolean): void };
}

/** Refusals that speak of the filter (OPC 10000-4, 5.12.2.4), not of the node. */
const OF_FILTER =
  /BadFilterNotAllowed|BadMonitoredItemFilterUnsupported|BadMonitoredItemFilterInvalid|BadDeadbandFilterInvalid/;

export class Subscription {
  readonly #session: ClientSession;
  readonly #batches: Batches;
  readonly #items: readonly SubscribedItem[];
  readonly #events: SubscriptionEvents;
  #subscription: ClientSubscription | null = null;
  /** How often the server looks at its clock, milliseconds; 0 when it does not. */
  #clockMs = 0;
  #clockTicks = 0;
  /** Monotonic time of the last value, be it only that of the clock. */
  #sampledAt = 0;
  /** Sequence number of the last message with notifications; 0 before the first. */
  #sequence = 0;

  constructor(
    session: ClientSession,
    batches: Batches,
    items: readonly SubscribedItem[],
    events: SubscriptionEvents,
  ) {
    this.#session = session;
    this.#batches = batches;
    this.#items = items;
    this.#events = events;
  }

  /** What another item of this subscription is created by; null before it is open. */
  get place(): { subscriptionId: number; handle: number } | null {
    const made = this.#subscription;
    return made && { subscriptionId: made.subscriptionId as number, handle: this.#items.length + 2 };
  }

  /** As the server has revised it, milliseconds; null before it is open. */
  get keepAliveMs(): number | null {
    const made = this.#subscription;
    return made && made.publishingInterval * made.maxKeepAliveCount;
  }

  /** Without a sign of the client for so long the server forgets it, milliseconds; null before it is open. */
  get lifetimeMs(): number | null {
    const made = this.#subscription;
    return made && made.publishingInterval * made.lifetimeCount;
  }

  /**
   * Whether the server sends signs of life and no values any more, not even those of its clock: its items are dead.
   *
   * @param patienceMs of the signs of life
   */
  stalled(patienceMs: number): boolean {
    const limit = Math.max(patienceMs, 4 * this.#clockMs);
    return this.#clockTicks > 1 && performance.now() - this.#sampledAt > limit;
  }

  /**
   * No value is asked for until the client has its session again. It would else do so before it has asked for what got
   * lost on the way (OPC 10000-4, 6.7), and then for what follows the newest message only.
   */
  hold(held: boolean): void {
    const { getPublishEngine } = this.#session as unknown as Publishing;
    getPublishEngine?.call(this.#session).suspend(held);
  }

  /** Silence up to now has had another reason. */
  forgive(): void {
    this.#sampledAt = performance.now();
  }

  /** Has the server's clock ticked into the subscription, so that silence is telling. A server may refuse. */
  async watchClock(everyMs: number): Promise<void> {
    const request = this.#request([
      {
        itemToMonitor: {
          nodeId: `i=${VariableIds.Server_ServerStatus_CurrentTime}`,
          attributeId: AttributeIds.Value,
        },
        monitoringMode: MonitoringMode.Reporting,
        requestedParameters: { clientHandle: this.#items.length + 1, samplingInterval: everyMs, queueSize: 1 },
      },
    ]);
    const { results } = await this.#raw.createMonitoredItems(request).catch(() => ({ results: null }));
    const made = results?.[0];
    if (made?.statusCode.isGoodish()) this.#clockMs = Math.max(everyMs, made.revisedSamplingInterval);
  }

  get #raw(): ClientSession & ClientSessionRawSubscriptionService {
    return this.#session as ClientSession & ClientSessionRawSubscriptionService;
  }

  #request(itemsToCreate: MonitoredItemCreateRequestOptions[]): CreateMonitoredItemsRequest {
    const { subscriptionId } = this.#subscription!;
    return new CreateMonitoredItemsRequest({
      subscriptionId,
      timestampsToReturn: TimestampsToReturn.Both,
      itemsToCreate,
    });
  }

  async open(settings: OpcUaDevice): Promise<void> {
    const { ended, flow } = this.#events;
    const subscription = await this.#session.createSubscription2({
      requestedPublishingInterval: settings.publishingMs,
      requestedMaxKeepAliveCount: settings.keepAliveCount,
      requestedLifetimeCount: settings.lifetimeCount,
      maxNotificationsPerPublish: 0,
      publishingEnabled: true,
      priority: 10,
    });
    this.#subscription = subscription;
    subscription.on('keepalive', () => flow());
    subscription.on('raw_notification', (message) => this.#take(message));
    subscription.on('status_changed', (status) => {
      // The old session's last word, when the client's new session has taken the subscription over.
      if (!status.isGoodish()) ended(`the server ended the subscription (${status.name})`);
    });
    subscription.on('terminated', () => ended('the subscription ended'));
    subscription.on('internal_error', (error: Error) => ended(error.message));
  }

  /** Values come in one turn for each message; they are taken out, for the client knows of no items. */
  #take(message: NotificationMessage): void {
    this.#follow(message);
    this.#events.flow(message.publishTime?.getTime());
    message.notificationData = (message.notificationData ?? []).filter((data) => {
      if (data instanceof EventNotificationList) {
        this.#events.notified(data);
        return false;
      }
      if (!(data instanceof DataChangeNotification)) return true;
      this.#sampledAt = performance.now();
      for (const { clientHandle, value } of data.monitoredItems ?? []) {
        if (clientHandle === this.#items.length + 1) this.#clockTicks++;
        else if (clientHandle > 0 && clientHandle <= this.#items.length)
          this.#events.changed(clientHandle - 1, value);
      }
      return false;
    });
  }

  /**
   * A sign of life carries the number of the message that comes next (OPC 10000-4, 5.14.1.1). The client takes it for
   * one that has come, and after a cut would ask for the messages behind it only: the first one would be lost.
   */
  #follow({ sequenceNumber, notificationData }: NotificationMessage): void {
    const lost = between(this.#sequence, sequenceNumber);
    if (notificationData?.length) this.#sequence = sequenceNumber;
    else {
      if (lost > 0) this.#sequence += lost;
      Object.assign(this.#subscription!, { lastSequenceNumber: this.#sequence });
    }
    if (lost > 0) this.#events.lost(lost);
  }

  /**
   * Has the server watch these, and says what became of each, in their order. An item whose deadband is refused
   * is created without one.
   *
   * @throws when the server fails
   */
  async add(wanted: Wanted[]): Promise<Refusal[]> {
    const results = await this.#create(wanted, true);
    const again = wanted.flatMap((_, i) => (OF_FILTER.test(results[i]?.status ?? '') ? [i] : []));
    if (again.length === 0) return results;
    const unfiltered = await this.#create(
      again.map((i) => wanted[i]!),
      false,
    );
    unfiltered.forEach((result, at) => {
      const i = again[at]!;
      if (result === null) this.#events.unfiltered(wanted[i]!.index, results[i]!.status);
      results[i] = result;
    });
    return results;
  }

  #create(wanted: Wanted[], filtered: boolean): Promise<Refusal[]> {
    let full: Refusal = null;
    return this.#batches.each('monitor', wanted, async (some) => {
      if (full) return some.map(() => full);
      const request = this.#request(
        some.map(({ index, nodeId }) => {
          const { samplingMs, queueSize, discardOldest, deadband } = this.#items[index]!;
          return {
            itemToMonitor: { nodeId, attributeId: AttributeIds.Value },
            monitoringMode: MonitoringMode.Reporting,
            requestedParameters: {
              clientHandle: index + 1,
              samplingInterval: samplingMs,
              queueSize,
              discardOldest,
              filter: filtered && deadband ? filterOf(deadband) : null,
            },
          };
        }),
      );
      const { results } = await this.#raw.createMonitoredItems(request).catch((error: unknown) => {
        // It may have been too many at once; if one is too many, the server is full, and the others are not lost.
        if (some.length > 1 || !/BadTooManyMonitoredItems/.test(messageOf(error))) throw error;
        full = { quality: StatusCodes.BadTooManyMonitoredItems.value, status: 'BadTooManyMonitoredItems' };
        return { results: null };
      });
      if (full) return some.map(() => full);
      return (results ?? []).map(({ statusCode }) =>
        statusCode.isGoodish() ? null : { quality: statusCode.value >>> 0, status: statusCode.name },
      );
    });
  }
}

/** How many numbers lie between two; they grow by one, and 1 follows the greatest (OPC 10000-4, 7.30). */
function between(last: number, next: number): number {
  return last === 0 || next <= last ? 0 : next - last - 1;
}

function filterOf(deadband: Deadband): DataChangeFilter {
  const absolute = 'absolute' in deadband;
  return new DataChangeFilter({
    trigger: DataChangeTrigger.StatusValue,
    deadbandType: absolute ? DeadbandType.Absolute : DeadbandType.Percent,
    deadbandValue: absolute ? deadband.absolute : deadband.percent,
  });
}
