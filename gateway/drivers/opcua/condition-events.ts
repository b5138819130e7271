/** Events of conditions (OPC 10000-9, 5.5): which fields are asked for, and what they say. */
import type { AlarmPriority } from '@lineside/shared/contracts/alarm.ts';
import type { ConditionState } from '@lineside/shared/contracts/condition.ts';
import {
  AttributeIds,
  coerceNodeId,
  DataType,
  EventFilter,
  FilterOperator,
  LiteralOperand,
  type Variant,
} from 'node-opcua-client';
import type { ConditionsConfig } from './conditions-config.ts';

/** The longest texts that are taken, characters. */
const MOST_TEXT = 500;

const BASE_EVENT = 2041;
export const CONDITION_TYPE = 2782;
const DIALOG = 'ns=0;i=2830';
const ACKNOWLEDGEABLE = 2881;
const ALARM = 2915;

/** Types of events that speak of the refresh itself (OPC 10000-9, 5.11) or of the queue (OPC 10000-4, 7.22.3). */
const SIGNALS: Record<string, 'refreshStart' | 'refreshEnd' | 'refreshRequired' | 'overflow'> = {
  'ns=0;i=2787': 'refreshStart',
  'ns=0;i=2788': 'refreshEnd',
  'ns=0;i=2789': 'refreshRequired',
  'ns=0;i=3035': 'overflow',
};

/** Name → the type that has the field, and its path. The condition's own node id has no path (OPC 10000-9, 5.5.2.13). */
const FIELDS = {
  eventId: [BASE_EVENT, 'EventId'],
  eventType: [BASE_EVENT, 'EventType'],
  sourceNode: [BASE_EVENT, 'SourceNode'],
  sourceName: [BASE_EVENT, 'SourceName'],
  time: [BASE_EVENT, 'Time'],
  receiveTime: [BASE_EVENT, 'ReceiveTime'],
  message: [BASE_EVENT, 'Message'],
  severity: [BASE_EVENT, 'Severity'],
  conditionId: [CONDITION_TYPE],
  conditionName: [CONDITION_TYPE, 'ConditionName'],
  branchId: [CONDITION_TYPE, 'BranchId'],
  retain: [CONDITION_TYPE, 'Retain'],
  enabled: [CONDITION_TYPE, 'EnabledState', 'Id'],
  comment: [CONDITION_TYPE, 'Comment'],
  user: [CONDITION_TYPE, 'ClientUserId'],
  acked: [ACKNOWLEDGEABLE, 'AckedState', 'Id'],
  active: [ALARM, 'ActiveState', 'Id'],
  suppressed: [ALARM, 'SuppressedOrShelved'],
} as const satisfies Record<string, readonly [number, ...string[]]>;
type Field = keyof typeof FIELDS;
const NAMES = Object.keys(FIELDS) as Field[];

/** @param filtered only conditions; a server that cannot filter sends every event, and the others are passed over */
export function eventFilter(filtered: boolean): EventFilter {
  const selectClauses = NAMES.map((name) => {
    const [type, ...path] = FIELDS[name] as readonly [number, ...string[]];
    return {
      typeDefinitionId: `i=${type}`,
      browsePath: path.map((step) => ({ namespaceIndex: 0, name: step })),
      attributeId: path.length === 0 ? AttributeIds.NodeId : AttributeIds.Value,
    };
  });
  const ofType = {
    filterOperator: FilterOperator.OfType,
    filterOperands: [
      new LiteralOperand({ value: { dataType: DataType.NodeId, value: coerceNodeId(`i=${CONDITION_TYPE}`) } }),
    ],
  };
  return new EventFilter({ selectClauses, ...(filtered ? { whereClause: { elements: [ofType] } } : {}) });
}

/** Place of the field without which an event is of no use. */
export const CONDITION_ID_AT = NAMES.indexOf('conditionId');

export interface ConditionEvent {
  state: ConditionState;
  /** What the methods of the condition are called on; null when the server does not say. */
  conditionId: string | null;
  eventId: Buffer | null;
}

export type EventMeaning =
  | ConditionEvent
  | { signal: 'refreshStart' | 'refreshEnd' | 'refreshRequired' | 'overflow' };

export interface EventContext {
  settings: ConditionsConfig;
  timestamps: 'source' | 'server';
  namespaces: readonly string[];
}

/** What an event says; null when it is none of a condition. */
export function readEvent(fields: readonly (Variant | null)[], context: EventContext): EventMeaning | null {
  const raw = (name: Field): unknown => fields[NAMES.indexOf(name)]?.value ?? null;
  const type = nodeText(raw('eventType'));
  const signal = SIGNALS[type];
  if (signal) return { signal };
  if (type === DIALOG) return null;
  const conditionId = nodeText(raw('conditionId'));
  // Some servers give a browse name, which begins with the index of its namespace.
  const source = text(raw('sourceName')).replace(/^\d+:(?=.)/, '') || nodeText(raw('sourceNode'));
  const name = text(raw('conditionName'));
  const retain = raw('retain');
  // Other events, where the server does not filter.
  if (conditionId === '' && (name === '' || typeof retain !== 'boolean')) return null;

  const severity = Number(raw('severity')) || 1;
  const known = conditionId === '' ? `${source}/${name}` : stable(conditionId, context.namespaces);
  const branch = nodeText(raw('branchId'));
  const active = raw('active');
  // Disabled, suppressed and shelved ones are not to be shown (OPC 10000-9, 5.5.2 and 5.8.2).
  const hidden = raw('enabled') === false || raw('suppressed') === true;
  // A branch is a former state that waits to be acknowledged; the present one has its own event.
  const holds = branch === '' && (typeof active === 'boolean' ? active : retain !== false);
  const at = context.timestamps === 'server' ? raw('receiveTime') : raw('time');
  const eventId = raw('eventId');
  return {
    conditionId: conditionId || null,
    eventId: Buffer.isBuffer(eventId) && eventId.length > 0 ? eventId : null,
    state: {
      condition: known,
      branch,
      source,
      name,
      message: text(raw('message')) || name || source,
      severity,
      priority: priorityOf(severity, context.settings),
      active: holds && !hidden,
      // A condition without that state cannot be acknowledged.
      acked: hidden || raw('acked') !== false,
      retain: retain !== false && !hidden,
      at: at instanceof Date && at.getTime() > 0 ? at.getTime() : null,
      comment: text(raw('comment')),
      by: text(raw('user')),
    },
  };
}

function priorityOf(severity: number, { priorities }: ConditionsConfig): AlarmPriority {
  if (severity >= priorities.critical) return 'critical';
  if (severity >= priorities.high) return 'high';
  return severity >= priorities.medium ? 'medium' : 'low';
}

/** By the URI of its namespace, whose index may be another one tomorrow. */
function stable(nodeId: string, namespaces: readonly string[]): string {
  const [, index, identifier] = /^ns=(\d+);(.*)$/s.exec(nodeId) ?? [];
  const uri = namespaces[Number(index)];
  return index === undefined || index === '0' || !uri ? nodeId : `nsu=${uri};${identifier}`;
}

/** Empty for none. */
function nodeText(value: unknown): string {
  const node = value as { isEmpty?(): boolean; toString(): string } | null;
  if (node === null || typeof node !== 'object' || node.isEmpty?.()) return '';
  return node.toString();
}

function text(value: unknown): string {
  const plain = typeof value === 'object' && value !== null ? (value as { text?: unknown }).text : value;
  return typeof plain === 'string' ? plain.slice(0, MOST_TEXT) : '';
}
