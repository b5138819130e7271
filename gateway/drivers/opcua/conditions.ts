/**
 * The conditions of one server over one subscription: their events, a full account of them after each connect and
 * whenever events were lost (ConditionRefresh), and acknowledgements (OPC 10000-9, 5.5.7 and 5.7.3).
 */
import {
  type AcknowledgeResult,
  type ConditionNews,
  type ConditionState,
  conditionKey,
} from '@lineside/shared/contracts/condition.ts';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import {
  AttributeIds,
  CallRequest,
  type CallResponse,
  type ClientSession,
  type ClientSessionRawSubscriptionService,
  CreateMonitoredItemsRequest,
  DataType,
  EventFilterResult,
  type EventNotificationList,
  MethodIds,
  MonitoringMode,
  type OPCUAClient,
  TimestampsToReturn,
  type VariantOptions,
} from 'node-opcua-client';
import { acknowledgeWords } from './acknowledge-words.ts';
import { CONDITION_ID_AT, CONDITION_TYPE, type ConditionEvent, eventFilter, readEvent } from './condition-events.ts';
import type { ConditionsConfig } from './conditions-config.ts';
import { glob } from './glob.ts';
import { parseNodeId, resolve } from './node-id.ts';
import { type Answer, requestOnce } from './request-once.ts';

/** Conditions of one server that are kept; a server may have more that are calm. */
const MOST_KNOWN = 5_000;

/** An account is asked for at most so often; when events are lost again and again, ever more seldom. Milliseconds. */
const ACCOUNT_EVERY_MS = 2_000;
const ACCOUNT_SELDOM_MS = 300_000;

/** After an account was granted its begin follows within this time, or the server's filter holds it back. Milliseconds. */
const BEGIN_MS = 3_000;

/** After so long an account that has begun and not ended is no longer waited for, milliseconds. */
const ACCOUNT_PATIENCE_MS = 60_000;

export interface ConditionsEvents {
  told(news: Omit<ConditionNews, 'device'>): void;
  /** Something that will not mend by itself, for the log. */
  doubt(words: string): void;
}

export interface ConditionsOptions {
  settings: ConditionsConfig;
  timestamps: 'source' | 'server';
  /** How often the server sends, milliseconds. */
  publishingMs: number;
  aliases: Record<string, string> | undefined;
}

export interface ConditionsAccess {
  client: OPCUAClient;
  session: ClientSession;
  namespaces: readonly string[];
  subscriptionId: number;
  /** Client handle of the item whose notifications are given to `take`. */
  handle: number;
}

interface Known {
  conditionId: string | null;
  eventId: Buffer | null;
  /** Of the newest state that came, milliseconds. */
  at: number;
}

export class Conditions {
  readonly #options: ConditionsOptions;
  readonly #events: ConditionsEvents;
  readonly #wanted: (state: ConditionState) => boolean;
  readonly #known = new Map<string, Known>();
  #access: ConditionsAccess | null = null;
  #notifier = '';
  /** Those of the account that is under way. */
  #account: Set<string> | null = null;
  /** Monotonic time since when the end of an account is waited for; null when it is not. */
  #askedAt: number | null = null;
  #accountAgain = false;
  /** Events that fill the server's queue: some may have been thrown away. */
  #queueSize = Number.POSITIVE_INFINITY;
  #losses = 0;
  #timer: NodeJS.Timeout | null = null;
  #beginTimer: NodeJS.Timeout | null = null;
  /** Of the item that gives the events, while the server filters them; null when it does not. */
  #filteredItem: number | null = null;
  #closed = false;
  #tooMany = false;

  constructor(options: ConditionsOptions, events: ConditionsEvents) {
    this.#options = options;
    this.#events = events;
    const { include, exclude, minSeverity } = options.settings;
    const [included, excluded] = [include, exclude].map((globs) => globs.map(glob)) as [
      ReturnType<typeof glob>[],
      ReturnType<typeof glob>[],
    ];
    this.#wanted = ({ source, name, severity }) => {
      const path = [source, name];
      if (severity < minSeverity || excluded.some((test) => test(path))) return false;
      return included.length === 0 || included.some((test) => test(path));
    };
  }

  /** Asks for the events, and for an account. A server that has none is no error. @throws when the connection fails */
  async open(access: ConditionsAccess): Promise<void> {
    const { settings, aliases } = this.#options;
    const address = parseNodeId(settings.notifier, aliases);
    const notifier = typeof address === 'string' ? null : resolve(address, access.namespaces);
    if (notifier === null) {
      this.#events.doubt(`the server has no namespace for the notifier ${settings.notifier}; correct conditions`);
      return;
    }
    this.#notifier = notifier;
    let refused = await this.#monitor(access, notifier, true);
    // Some servers take no filter by type, and give all their events.
    if (refused !== '') refused = await this.#monitor(access, notifier, false);
    if (refused !== '') {
      this.#events.doubt(`the server gives no alarms (${refused}): remove conditions, or look at its notifier`);
      return;
    }
    this.#access = access;
    await this.#ask().catch(() => this.#later(ACCOUNT_EVERY_MS));
  }

  close(): void {
    this.#closed = true;
    this.#access = null;
    if (this.#timer) clearTimeout(this.#timer);
    this.#begun();
  }

  /** Asks for a full account now, as after a cut. */
  refresh(): void {
    this.#later(0);
  }

  /** @returns why the server does not give events; empty when it does */
  async #monitor(
    { session, subscriptionId, handle }: ConditionsAccess,
    notifier: string,
    filtered: boolean,
  ): Promise<string> {
    const request = new CreateMonitoredItemsRequest({
      subscriptionId,
      timestampsToReturn: TimestampsToReturn.Neither,
      itemsToCreate: [
        {
          itemToMonitor: { nodeId: notifier, attributeId: AttributeIds.EventNotifier },
          monitoringMode: MonitoringMode.Reporting,
          requestedParameters: {
            clientHandle: handle,
            samplingInterval: 0,
            queueSize: this.#options.settings.queueSize,
            discardOldest: true,
            filter: eventFilter(filtered),
          },
        },
      ],
    });
    const raw = session as ClientSession & ClientSessionRawSubscriptionService;
    const { results } = await raw.createMonitoredItems(request);
    const made = results?.[0];
    if (!made?.statusCode.isGoodish()) return made?.statusCode.name ?? 'no answer';
    const { filterResult, revisedQueueSize } = made;
    if (revisedQueueSize > 1) this.#queueSize = revisedQueueSize;
    this.#filteredItem = filtered ? made.monitoredItemId : null;
    if (!(filterResult instanceof EventFilterResult)) return '';
    const ofConditionId = filterResult.selectClauseResults?.[CONDITION_ID_AT];
    return ofConditionId && !ofConditionId.isGoodish() ? `no conditions: ${ofConditionId.name}` : '';
  }

  // Events.

  take({ events }: EventNotificationList): void {
    if (this.#closed || !this.#access) return;
    const { namespaces } = this.#access;
    const { settings, timestamps } = this.#options;
    let states: ConditionState[] = [];
    const tell = (all?: ReadonlySet<string>) => {
      if (states.length > 0 || all) this.#events.told(all ? { states, all } : { states });
      states = [];
    };
    const context = { settings, timestamps, namespaces };
    const meanings = (events ?? []).map(({ eventFields }) => readEvent(eventFields ?? [], context));
    const lost =
      meanings.length >= this.#queueSize ||
      meanings.some((one) => one && 'signal' in one && one.signal === 'overflow');
    if (lost) this.#lost();
    for (const meaning of meanings) {
      if (meaning === null) continue;
      if ('state' in meaning) {
        if (this.#learn(meaning)) states.push(meaning.state);
      } else if (meaning.signal === 'refreshStart') {
        this.#begun();
        this.#account = lost ? null : new Set();
      } else if (meaning.signal === 'refreshEnd') {
        const all = this.#endAccount();
        if (all) tell(all);
      } else if (meaning.signal === 'refreshRequired') {
        this.#later(ACCOUNT_EVERY_MS);
      }
    }
    tell();
  }

  /** No account is a full one then, not even the one that is under way. */
  #lost(): void {
    this.#account = null;
    this.#later(Math.min(ACCOUNT_EVERY_MS * 2 ** this.#losses++, ACCOUNT_SELDOM_MS));
    if (this.#losses < 4) return;
    this.#events.doubt(
      `the server loses events of its alarms again and again; raise queueSize of conditions (${this.#queueSize}), or leave more of them out`,
    );
  }

  /** Whether the state is news. */
  #learn({ state, conditionId, eventId }: ConditionEvent): boolean {
    const key = conditionKey(state);
    const before = this.#known.get(key);
    if (!before && !(this.#wanted(state) && state.retain)) {
      // One that is over may have been raised before this connection.
      return this.#wanted(state) && !state.retain;
    }
    this.#account?.add(key);
    const at = state.at ?? 0;
    // What an account tells may be older than what has come meanwhile (OPC 10000-9, 5.5.7).
    if (before && this.#account && at < before.at) return false;
    if (!before && this.#known.size >= MOST_KNOWN) {
      if (!this.#tooMany) this.#events.doubt(`more than ${MOST_KNOWN} alarms at once; the others are left out`);
      this.#tooMany = true;
      return false;
    }
    if (!state.retain && !state.active) this.#known.delete(key);
    else this.#known.set(key, { conditionId, eventId: eventId ?? before?.eventId ?? null, at });
    return true;
  }

  // Accounts.

  #later(pauseMs: number): void {
    this.#accountAgain = true;
    if (this.#timer || this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.#askedAt !== null && performance.now() - this.#askedAt < ACCOUNT_PATIENCE_MS)
        this.#later(ACCOUNT_EVERY_MS);
      else void this.#ask().catch(() => this.#later(ACCOUNT_EVERY_MS));
    }, pauseMs);
  }

  async #ask(): Promise<void> {
    const access = this.#access;
    if (!access || this.#closed) return;
    this.#accountAgain = false;
    this.#askedAt = performance.now();
    const called = await this.#call(access, `i=${CONDITION_TYPE}`, `i=${MethodIds.ConditionType_ConditionRefresh}`, [
      { dataType: DataType.UInt32, value: access.subscriptionId },
    ]);
    if ('failure' in called) {
      this.#askedAt = null;
      throw new Error(called.failure);
    }
    const status = 'status' in called ? called.status : called.response;
    if (!status.startsWith('Bad')) {
      // The events of it come by themselves.
      this.#begun();
      this.#beginTimer = setTimeout(
        () => void this.#unfilter(true).catch(() => this.#later(ACCOUNT_EVERY_MS)),
        Math.max(BEGIN_MS, 3 * this.#options.publishingMs),
      );
      return;
    }
    this.#askedAt = null;
    if (status === 'BadRefreshInProgress') this.#later(1_000);
    else {
      this.#events.doubt(
        `the server gives no account of its alarms (${status}): those that it had before the connection are unknown`,
      );
      // Whether its filter is a right one will not show either.
      await this.#unfilter(false);
    }
  }

  #begun(): void {
    if (this.#beginTimer) clearTimeout(this.#beginTimer);
    this.#beginTimer = null;
  }

  /**
   * The begin and the end of an account pass every filter (OPC 10000-9, 4.5). In a server where they do not, alarms of
   * a type below the one that is asked for may not either; so it is asked for all its events.
   */
  async #unfilter(askAgain: boolean): Promise<void> {
    const access = this.#access;
    const item = this.#filteredItem;
    this.#askedAt = null;
    if (!access || this.#closed) return;
    if (item === null) {
      if (askAgain)
        this.#events.doubt(
          'the server grants accounts of its alarms and gives none; what is over meanwhile may stay',
        );
      return;
    }
    this.#filteredItem = null;
    const { session, subscriptionId } = access;
    const raw = session as ClientSession & ClientSessionRawSubscriptionService;
    await raw.deleteMonitoredItems({ subscriptionId, monitoredItemIds: [item] });
    const refused = await this.#monitor(access, this.#notifier, false);
    if (refused === '') return askAgain ? this.#ask() : undefined;
    this.#events.doubt(`the server gives no alarms (${refused}): remove conditions, or look at its notifier`);
  }

  #endAccount(): Set<string> | null {
    const all = this.#account;
    this.#account = null;
    this.#askedAt = null;
    if (this.#accountAgain) this.#later(ACCOUNT_EVERY_MS);
    if (!all) return null;
    for (const key of [...this.#known.keys()]) if (!all.has(key)) this.#known.delete(key);
    this.#tooMany = false;
    this.#losses = 0;
    return all;
  }

  // Acknowledging.

  /** @param key as of `conditionKey`. Never rejects. */
  async acknowledge(key: string, comment: string): Promise<AcknowledgeResult> {
    const access = this.#access;
    const known = this.#known.get(key);
    if (!access || !known?.eventId || !known.conditionId) {
      return refusal('the server does not speak of this alarm at present', true);
    }
    const { conditionId, eventId } = known;
    const acknowledge = (method: string) =>
      this.#call(access, conditionId, method, [
        { dataType: DataType.ByteString, value: eventId },
        { dataType: DataType.LocalizedText, value: { text: comment } },
      ]);
    try {
      let called = await acknowledge(`i=${MethodIds.AcknowledgeableConditionType_Acknowledge}`);
      if ('response' in called && /^Bad(?:Method|NodeId)/.test(called.response)) {
        const own = await this.#ownMethod(access.session, conditionId);
        if (own) called = await acknowledge(own);
      }
      if ('failure' in called) {
        return refusal(`it is not known whether the server took it: ${called.failure}`, true);
      }
      const status = 'status' in called ? called.status : called.response;
      if (!status.startsWith('Bad')) return { ok: true, error: '', again: false };
      // The server has another state of it than we: look.
      if (/EventIdUnknown|AlreadyAcked/.test(status)) this.#later(0);
      return refusal(acknowledgeWords(status), status === 'BadEventIdUnknown');
    } catch (error) {
      return refusal(`it is not known whether the server took it: ${messageOf(error)}`, true);
    }
  }

  /** Some servers take only the method of the very condition. */
  async #ownMethod(session: ClientSession, conditionId: string): Promise<string | null> {
    const step = { isInverse: false, includeSubtypes: true, targetName: { namespaceIndex: 0, name: 'Acknowledge' } };
    const path = { startingNode: conditionId, relativePath: { elements: [step] } };
    const { targets } = await session.translateBrowsePath(path as never);
    return targets?.[0]?.targetId.toString() ?? null;
  }

  /** The status of the method. */
  async #call(
    { client, session }: ConditionsAccess,
    objectId: string,
    methodId: string,
    inputArguments: VariantOptions[],
  ): Promise<Answer<string>> {
    const request = new CallRequest({ methodsToCall: [{ objectId, methodId, inputArguments }] });
    const answer = await requestOnce<CallResponse>(client, session, request);
    if (!('response' in answer)) return answer;
    return { response: answer.response.results?.[0]?.statusCode.name ?? 'BadUnexpectedError' };
  }
}

function refusal(error: string, again: boolean): AcknowledgeResult {
  return { ok: false, error, again };
}
