/**
 * What the hub's API and its live socket speak: one set of TypeBox schemas for the routes, the OpenAPI document
 * and the web app's types.
 */
import { type Static, type TSchema, Type } from 'typebox';
import { CertificateStatus, DeviceStatus } from './link.ts';
import { Permission, Role } from './permissions.ts';

const Ms = Type.Integer({ description: 'milliseconds since 1970 UTC' });
const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const Ratio = Nullable(Type.Number({ minimum: 0, description: '0 to 1; null when it cannot be known' }));

/**
 * Whether a picture may be believed. `live`: data is flowing. `stale`: the gateway is there, the device is not.
 * `offline`: the gateway is not there. `never`: nothing has ever come.
 */
export const Connection = Type.Object({
  status: Type.Union([Type.Literal('live'), Type.Literal('stale'), Type.Literal('offline'), Type.Literal('never')]),
  /** Since when it is so; null when never. */
  since: Nullable(Ms),
  /** In words: what happened and where to look. Empty while live. */
  reason: Type.String(),
});
export type Connection = Static<typeof Connection>;

/** What a state means for OEE. `idle` is ready but not producing for want of work or of room downstream. */
export const StateCategory = Type.Union([
  Type.Literal('producing'),
  Type.Literal('idle'),
  Type.Literal('stopped'),
  Type.Literal('down'),
  Type.Literal('unknown'),
]);
export type StateCategory = Static<typeof StateCategory>;

export const MachineState = Type.Object({
  /** PackML state name in the site's words, such as Execute or Aborted; Unknown when it cannot be told. */
  name: Type.String(),
  category: StateCategory,
  since: Nullable(Ms),
});
export type MachineState = Static<typeof MachineState>;

/**
 * Overall equipment effectiveness of one shift so far, by ISO 22400-2: availability × effectiveness × quality
 * ratio. A factor that cannot be known is null, and so is then the product; `reason` says why.
 */
export const Oee = Type.Object({
  shift: Type.String(),
  from: Ms,
  to: Ms,
  availability: Ratio,
  performance: Ratio,
  quality: Ratio,
  oee: Ratio,
  reason: Type.String(),
  /** Parts (or the unit given) in the shift. */
  good: Nullable(Type.Number()),
  reject: Nullable(Type.Number()),
  unit: Type.String(),
  /** Where the shift's time went, milliseconds; they add up to `to - from`. */
  producingMs: Type.Number(),
  idleMs: Type.Number(),
  stoppedMs: Type.Number(),
  downMs: Type.Number(),
  unknownMs: Type.Number(),
});
export type Oee = Static<typeof Oee>;

export const TagView = Type.Object({
  id: Type.Integer({ description: "the hub's id of the tag" }),
  gateway: Type.String(),
  device: Type.String(),
  name: Type.String(),
  label: Type.String(),
  type: Type.String(),
  unit: Type.String(),
  /** Number of decimals to show. */
  decimals: Type.Integer(),
  at: Nullable(Ms),
  value: Nullable(Type.Union([Type.Number(), Type.Boolean(), Type.String()])),
  /** OPC UA StatusCode; 0 is Good. */
  quality: Type.Integer(),
  /** There when somebody may write it. */
  write: Type.Optional(
    Type.Object({
      /** Limits of a number. */
      min: Nullable(Type.Number()),
      max: Nullable(Type.Number()),
      names: Type.Array(Type.String(), { description: 'the values that it takes, where they are names' }),
    }),
  ),
});
export type TagView = Static<typeof TagView>;

/** A tag with what there is to know of it. */
export const Tag = Type.Object({
  ...TagView.properties,
  description: Type.String(),
  machine: Type.String({ description: 'path of the machine that its device is; empty when it is none' }),
});
export type Tag = Static<typeof Tag>;

/** The last value of a tag, for whoever polls. */
export const LastValue = Type.Object({
  id: Type.Integer({ description: "the hub's id of the tag" }),
  at: Nullable(Ms),
  value: Nullable(Type.Union([Type.Number(), Type.Boolean(), Type.String()])),
  quality: Type.Integer({ description: 'OPC UA StatusCode; 0 is Good' }),
});
export type LastValue = Static<typeof LastValue>;

/** A node of the plant (ISA-95). */
export const Equipment = Type.Object({
  path: Type.String({ description: 'ISA-95 path, such as acme/hamburg/packaging/line-1/packer' }),
  parent: Nullable(Type.String({ description: 'path of the level above; null for the enterprise' })),
  level: Type.Enum(['enterprise', 'site', 'area', 'line', 'cell']),
  name: Type.String(),
  children: Type.Integer({ description: 'nodes of the level below' }),
  timeZone: Type.Optional(Type.String({ description: 'IANA name; of a site' })),
  gateway: Type.Optional(Type.String({ description: 'which gives its values; of a cell' })),
  device: Type.Optional(Type.String({ description: 'of that gateway; of a cell' })),
});
export type Equipment = Static<typeof Equipment>;

export const MachineView = Type.Object({
  /** ISA-95 path, such as acme/hamburg/packaging/line-1/packer. */
  path: Type.String(),
  name: Type.String(),
  gateway: Type.String(),
  device: Type.String(),
  state: MachineState,
  oee: Oee,
  /** The values that matter on its tile, in order. */
  values: Type.Array(TagView),
  connection: Connection,
  lastSeenAt: Nullable(Ms),
});
export type MachineView = Static<typeof MachineView>;

export const AlarmView = Type.Object({
  occurrence: Type.String(),
  gateway: Type.String(),
  rule: Type.String(),
  device: Type.String(),
  /** Path of the machine that the device belongs to; empty when it belongs to none. */
  machine: Type.String(),
  machineName: Type.String(),
  /** The hub's id of the tag that it watches, so that a chart can draw the limit; null when it is not known. */
  tag: Type.Optional(Nullable(Type.Integer())),
  message: Type.String(),
  priority: Type.Union([Type.Literal('critical'), Type.Literal('high'), Type.Literal('medium'), Type.Literal('low')]),
  state: Type.Union([
    Type.Literal('normal'),
    Type.Literal('unacknowledged'),
    Type.Literal('acknowledged'),
    Type.Literal('returned'),
  ]),
  raisedAt: Ms,
  returnedAt: Nullable(Ms),
  acknowledgedAt: Nullable(Ms),
  acknowledgedBy: Type.String(),
  comment: Type.String(),
  /** True while an acknowledgement is on its way to the gateway. */
  acknowledgePending: Type.Boolean(),
  /** Why the device in which it lives did not take the last acknowledgement; absent when it was not refused. */
  acknowledgeRefused: Type.Optional(Type.String()),
  value: Nullable(Type.Number()),
  limit: Nullable(Type.Number()),
  unit: Type.String(),
});
export type AlarmView = Static<typeof AlarmView>;

/** One thing that happened to an alarm. */
export const AlarmStep = Type.Object({
  transition: Type.Enum(['raised', 'returned', 'acknowledged']),
  at: Ms,
  by: Type.String({ description: 'who acknowledged it; else empty' }),
  comment: Type.String(),
  value: Nullable(Type.Number()),
});

/** An alarm with its story, oldest first. */
export const AlarmDetail = Type.Object({ ...AlarmView.properties, steps: Type.Array(AlarmStep) });
export type AlarmDetail = Static<typeof AlarmDetail>;

export const GatewayView = Type.Object({
  id: Type.String(),
  online: Type.Boolean(),
  /** Since when it is on or off line; null when it has never been seen. */
  since: Nullable(Ms),
  lastSeenAt: Nullable(Ms),
  version: Type.String(),
  /** Samples on the gateway's disk that the hub has not committed yet. */
  pendingSamples: Type.Integer(),
  quarantined: Type.Integer({ description: 'messages refused since the start of the hub' }),
  samplesStored: Type.Integer({ description: 'samples committed, all time' }),
  devices: Type.Array(DeviceStatus),
  /** By which it comes in; absent when it comes in by a password. */
  certificate: Type.Optional(CertificateStatus),
  /** What follows is absent until it has been heard of it. */
  startedAt: Type.Optional(Ms),
  bufferBytes: Type.Optional(Type.Integer({ description: 'what its buffer takes on its disk' })),
  bufferFault: Type.Optional(Type.String({ description: 'why its disk takes no data; empty while it does' })),
  configSha256: Type.Optional(Type.String({ description: 'of the configuration that it runs' })),
  accepts: Type.Optional(Type.Array(Type.String(), { description: 'what it lets the hub do: its hub.accept' })),
  trial: Type.Optional(
    Type.Object(
      { by: Type.String(), endsAt: Ms },
      { description: 'a configuration is on trial there; at `endsAt`, by the hub’s clock, it goes back by itself' },
    ),
  ),
  clockOffsetMs: Type.Optional(
    Type.Integer({
      description: 'how far its clock is ahead of the hub’s; the way of the message makes it a little less',
    }),
  ),
});
export type GatewayView = Static<typeof GatewayView>;

/** Who is signed in, and what the page need not offer. */
export const User = Type.Object({
  name: Type.String({ description: 'a user’s name, or key: with the name of an API key' }),
  role: Nullable(Role),
  permissions: Type.Array(Permission),
  sites: Nullable(
    Type.Array(Type.String(), { description: 'equipment paths that it is limited to; null: the whole plant' }),
  ),
  signsInBy: Type.Union([Type.Literal('password'), Type.Literal('provider'), Type.Literal('key')], {
    description: 'provider: by OpenID Connect, where the password is changed too; key: a program with an API key',
  }),
  mustChangePassword: Type.Boolean({ description: 'nothing else is allowed before' }),
});
export type User = Static<typeof User>;

export const Login = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 64 }),
    password: Type.String({ minLength: 1, maxLength: 256 }),
  },
  { additionalProperties: false },
);

export const AcknowledgeBody = Type.Object(
  { comment: Type.String({ maxLength: 500, default: '' }) },
  { additionalProperties: false },
);

export const WriteBody = Type.Object(
  {
    value: Type.Union([Type.Number(), Type.Boolean(), Type.String({ maxLength: 1_000 })], {
      description: 'in engineering units; a name where the tag has names',
    }),
    comment: Type.String({ maxLength: 500, default: '' }),
  },
  { additionalProperties: false },
);

/**
 * `waiting`: the gateway has been asked. `written`: the device took it, and it was read back. `failed`: it was not
 * written, or not as asked. `unknown`: the gateway has not told, and nobody waits any more.
 */
export const WriteState = Type.Union([
  Type.Literal('waiting'),
  Type.Literal('written'),
  Type.Literal('failed'),
  Type.Literal('unknown'),
]);
export type WriteState = Static<typeof WriteState>;

const Written = Type.Union([Type.Number(), Type.Boolean(), Type.String()]);

/** One attempt to set a tag. Values are in engineering units. */
export const WriteView = Type.Object({
  id: Type.String(),
  gateway: Type.String(),
  device: Type.String(),
  tag: Type.String(),
  unit: Type.String(),
  /** Path of the machine that the device belongs to; empty when it belongs to none. */
  machine: Type.String(),
  machineName: Type.String(),
  by: Type.String(),
  via: Type.String({ description: 'hub, mqtt (the gateway’s local broker) or sparkplug' }),
  comment: Type.String(),
  /** When it was asked for by the hub's clock, or, by another way, when the gateway decided it by its own. */
  at: Ms,
  requested: Written,
  state: WriteState,
  old: Nullable(Written),
  new: Nullable(Written),
  error: Type.String({ description: 'why it is not written, and what to look at' }),
  /** By the gateway's clock; null while it has not told. */
  decidedAt: Nullable(Ms),
});
export type WriteView = Static<typeof WriteView>;

/** Columns of equal length. A bucket without a good sample has null: a gap is drawn as a gap. */
const Numbers = (description: string) => Type.Optional(Type.Array(Nullable(Type.Number()), { description }));

/** Columns of the same length. A null breaks the line: what was there does not count, or nobody knows. */
export const History = Type.Object({
  tag: Type.Integer(),
  unit: Type.String(),
  raw: Type.Boolean({ description: 'whether these are samples; else buckets' }),
  stepMs: Nullable(Type.Integer({ description: 'length of the buckets' })),
  at: Type.Array(Ms, { description: 'begin of each bucket, or the sample’s own time' }),
  mean: Numbers('of samples, these three are the value as a number, where it counts'),
  min: Numbers('smallest'),
  max: Numbers('greatest'),
  first: Numbers('first in the bucket'),
  last: Numbers('last in the bucket'),
  timeWeightedMean: Numbers('each value weighted with how long it held'),
  count: Numbers('samples of any quality'),
  good: Numbers('samples that were calculated with'),
  value: Type.Optional(
    Type.Array(Type.Union([Type.Number(), Type.Boolean(), Type.String(), Type.Null()]), {
      description: 'of samples: the value as it is; NaN and infinities as texts',
    }),
  ),
  quality: Type.Optional(
    Type.Array(Nullable(Type.Integer()), {
      description: 'of samples: the OPC UA status code; null where nobody knows',
    }),
  ),
});
export type History = Static<typeof History>;

export const Histories = Type.Object({ from: Ms, to: Ms, tags: Type.Array(History) });
export type Histories = Static<typeof Histories>;

/** RFC 9457. */
export const Problem = Type.Object({
  type: Type.String({ description: 'where the code is explained' }),
  title: Type.String({ description: 'the kind of problem, in words' }),
  status: Type.Integer({ description: 'the HTTP status' }),
  code: Type.String({ description: 'the kind of problem; it never changes its meaning' }),
  detail: Type.String({ description: 'what happened here, and what to do' }),
  requestId: Type.Optional(Type.String({ description: 'by which the hub’s log is searched; also in X-Request-Id' })),
});
export type Problem = Static<typeof Problem>;

export const Overview = Type.Object({
  serverTime: Ms,
  /** Name of the enterprise, for the page's head. */
  enterprise: Type.String(),
  machines: Type.Array(MachineView),
  /** All that are not normal, most urgent and newest first. */
  alarms: Type.Array(AlarmView),
  gateways: Type.Array(GatewayView),
});
export type Overview = Static<typeof Overview>;

/** One live value: [hub's tag id, source time, value, quality]. */
export type LiveValue = [tag: number, at: number, value: number | boolean | string | null, quality: number];
