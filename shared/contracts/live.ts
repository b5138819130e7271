/**
 * What is spoken on the live socket, /api/v1/live: JSON texts. docs/live.md explains it; docs/asyncapi-live.yaml is made
 * of these schemas.
 */
import { type Static, type TSchema, Type } from 'typebox';
import { AlarmView, Connection, GatewayView, MachineState, MachineView } from './api.ts';
import { JobView } from './job.ts';

const closed = { additionalProperties: false };
const Ms = Type.Integer({ description: 'milliseconds since 1970 UTC, by the hub’s clock' });
const EventId = Type.String({
  pattern: '^[A-Za-z0-9_-]{1,32}\\.\\d{1,15}$',
  description: 'names an event; only of use as `after`',
});
const SubscriptionName = Type.String({
  minLength: 1,
  maxLength: 64,
  description: 'the client’s own name of a subscription',
});

/** What can be subscribed to. The first three are the newest of each; the last three are events, each with an id. */
export const LiveKind = Type.Union([
  Type.Literal('values', { description: 'values of tags: the newest of each' }),
  Type.Literal('machines', { description: 'the whole picture of a machine: the newest of each' }),
  Type.Literal('gateways', { description: 'how a gateway is: the newest of each' }),
  Type.Literal('states', { description: 'changes of a machine’s state and connection, as events' }),
  Type.Literal('alarms', { description: 'changes of alarms, as events' }),
  Type.Literal('jobs', { description: 'changes of work that takes a while, as events' }),
]);
export type LiveKind = Static<typeof LiveKind>;

export const MAX_SUBSCRIPTIONS = 32;
/** Tags of all subscriptions of a client together. */
export const MAX_LIVE_TAGS = 10_000;

/** Client → hub: begins a subscription, or puts another one in its place. */
export const Subscribe = Type.Object(
  {
    type: Type.Literal('subscribe'),
    id: SubscriptionName,
    kinds: Type.Array(LiveKind, { minItems: 1, maxItems: 6, description: 'what is wanted' }),
    paths: Type.Array(Type.String({ minLength: 1, maxLength: 300 }), {
      maxItems: 64,
      default: [],
      description:
        'ISA-95 paths, of machines and of tags: * stands for one level or a part of one, ** for any number of levels. ' +
        'acme/hamburg/** is all of a site, **/packer/speed one tag of all packers',
    }),
    tags: Type.Array(Type.Integer({ minimum: 1 }), {
      maxItems: 2_000,
      default: [],
      description: 'tags by the hub’s ids, for values',
    }),
    maxRate: Type.Number({
      minimum: 0.01,
      maximum: 20,
      default: 10,
      description: 'values: at most so many messages a second',
    }),
    describe: Type.Boolean({
      default: true,
      description: 'whether the hub says path, unit and type of the tags that `paths` mean',
    }),
    after: Type.Optional(
      Type.String({
        maxLength: 64,
        description: 'the id of the last event that the client has; what it missed follows',
      }),
    ),
  },
  { ...closed, title: 'Subscribe' },
);
export type Subscribe = Static<typeof Subscribe>;

/** Client → hub. */
export const Unsubscribe = Type.Object(
  { type: Type.Literal('unsubscribe'), id: SubscriptionName },
  { ...closed, title: 'Unsubscribe' },
);
export type Unsubscribe = Static<typeof Unsubscribe>;

/** One value: [the hub's tag id, source time, value, OPC UA StatusCode]. */
const LiveValueItem = Type.Tuple([
  Type.Integer({ description: 'the hub’s id of the tag' }),
  Type.Integer({ description: 'source time, milliseconds since 1970 UTC' }),
  Type.Union([Type.Number(), Type.Boolean(), Type.String(), Type.Null()]),
  Type.Integer({ description: 'OPC UA StatusCode; 0 is Good' }),
]);

export const LiveHello = Type.Object(
  {
    type: Type.Literal('hello'),
    serverTime: Ms,
    user: Type.String({ description: 'as whom the client is signed in' }),
    enterprise: Type.String({ description: 'name of the enterprise' }),
    sites: Type.Union([Type.Array(Type.String()), Type.Null()], {
      description: 'the equipment paths that it may see, with all below; null: the whole plant',
    }),
    event: EventId,
  },
  { title: 'First message of the hub' },
);

export const LiveSubscribed = Type.Object(
  {
    type: Type.Literal('subscribed'),
    id: SubscriptionName,
    tags: Type.Integer({ minimum: 0, description: 'how many tags’ values will come' }),
    resumed: Type.Boolean({
      description:
        'true: what was missed since `after` follows, then what is new. false: a snapshot follows instead, read anew from it',
    }),
    event: EventId,
  },
  { title: 'A subscription has begun' },
);

export const LiveSnapshot = Type.Object(
  {
    type: Type.Literal('snapshot'),
    id: SubscriptionName,
    event: EventId,
    serverTime: Ms,
    machines: Type.Optional(Type.Array(MachineView)),
    gateways: Type.Optional(Type.Array(GatewayView)),
    alarms: Type.Optional(Type.Array(AlarmView, { description: 'all that are not normal' })),
    jobs: Type.Optional(Type.Array(JobView, { description: 'those that are not over, and the newest that are' })),
  },
  { title: 'The present picture of what was subscribed to' },
);

export const LiveTags = Type.Object(
  {
    type: Type.Literal('tags'),
    id: SubscriptionName,
    tags: Type.Array(
      Type.Object({
        tag: Type.Integer({ description: 'the hub’s id of the tag' }),
        path: Type.String(),
        type: Type.String(),
        unit: Type.String(),
      }),
    ),
  },
  { title: 'Which tags a subscription means; also when new ones come' },
);

export const LiveValues = Type.Object(
  { type: Type.Literal('values'), values: Type.Array(LiveValueItem) },
  { title: 'New values, the newest of each tag' },
);

export const LiveMachine = Type.Object(
  { type: Type.Literal('machine'), machine: MachineView },
  { title: 'A machine’s picture has changed' },
);

export const LiveGateway = Type.Object(
  { type: Type.Literal('gateway'), gateway: GatewayView },
  { title: 'A gateway has changed' },
);

export const LiveStateEvent = Type.Object(
  {
    type: Type.Literal('state'),
    event: EventId,
    at: Ms,
    path: Type.String({ description: 'of the machine' }),
    name: Type.String({ description: 'of the machine' }),
    state: MachineState,
    connection: Connection,
  },
  { title: 'A machine’s state or connection has changed' },
);

export const LiveAlarmEvent = Type.Object(
  { type: Type.Literal('alarm'), event: EventId, at: Ms, alarm: AlarmView },
  { title: 'An alarm has changed' },
);

export const LiveJobEvent = Type.Object(
  { type: Type.Literal('job'), event: EventId, at: Ms, job: JobView },
  { title: 'A piece of work has changed' },
);

export const LiveTime = Type.Object(
  { type: Type.Literal('time'), serverTime: Ms, event: EventId },
  { title: 'Every 5 s: the hub is there' },
);

export const LiveError = Type.Object(
  {
    type: Type.Literal('error'),
    id: SubscriptionName,
    code: Type.String({
      description: 'stable: NOT_ALLOWED, PATTERN_INVALID, TOO_MANY_TAGS, TOO_MANY_SUBSCRIPTIONS, TAG_NOT_FOUND',
    }),
    detail: Type.String(),
  },
  { title: 'A subscription was refused; the others go on' },
);

/** Hub → client. */
export const LiveMessage = Type.Union([
  LiveHello,
  LiveSubscribed,
  LiveSnapshot,
  LiveTags,
  LiveValues,
  LiveMachine,
  LiveGateway,
  LiveStateEvent,
  LiveAlarmEvent,
  LiveJobEvent,
  LiveTime,
  LiveError,
] as [TSchema, ...TSchema[]]);

export type LiveMessage =
  | Static<typeof LiveHello>
  | Static<typeof LiveSubscribed>
  | Static<typeof LiveSnapshot>
  | Static<typeof LiveTags>
  | Static<typeof LiveValues>
  | Static<typeof LiveMachine>
  | Static<typeof LiveGateway>
  | Static<typeof LiveStateEvent>
  | Static<typeof LiveAlarmEvent>
  | Static<typeof LiveJobEvent>
  | Static<typeof LiveTime>
  | Static<typeof LiveError>;

/** Why the hub closes a live socket, as close codes (RFC 6455, 7.4). */
export const LiveClose = {
  /** A message that is none of the protocol's. Do not repeat it. */
  notUnderstood: 1008,
  /** The hub stops. Connect again and resume. */
  stopping: 1012,
  /** More clients than the hub takes. Try again later. */
  tooMany: 1013,
  /** The client takes too little. Connect again and resume with the id of the last event. */
  resume: 4001,
  /** More messages than a client may send. */
  flood: 4002,
  /** The session, token or key is over, or its rights were changed. Sign in again, then resume. */
  signedOut: 4003,
} as const;
