/**
 * The plant as a YAML file: the equipment hierarchy of ISA-95 (IEC 62264-1, 5.3.2) down to the machines, and for
 * each machine which tags tell its state and count its parts.
 */
import { type Static, Type } from 'typebox';

const closed = { additionalProperties: false };
const Id = Type.String({
  pattern: '^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$',
  description: 'Part of the path; lower-case letters, digits and hyphens',
});
const Source = Type.String({
  pattern: '^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?|json:[a-z0-9-]{1,41}|sparkplug:[^/+#]{1,100}/[^/+#]{1,100})$',
  description:
    'Id of the gateway that gives its values; or json: with the name of a source, or sparkplug: with group/node',
});
const Name = Type.String({ minLength: 1, maxLength: 100, description: 'What people call it' });

export const Shift = Type.Object(
  {
    name: Name,
    from: Type.String({ pattern: '^([01]\\d|2[0-3]):[0-5]\\d$', description: 'Begin, local time, such as 22:00' }),
    to: Type.String({
      pattern: '^([01]\\d|2[0-3]):[0-5]\\d$',
      description: 'End, local time, not included; on the next day when it is not after the begin',
    }),
    days: Type.Array(Type.Integer({ minimum: 1, maximum: 7 }), {
      default: [1, 2, 3, 4, 5, 6, 7],
      description: 'Weekdays on which it begins, 1 is Monday',
    }),
  },
  closed,
);
export type Shift = Static<typeof Shift>;

const Category = Type.Union([
  Type.Literal('producing'),
  Type.Literal('idle'),
  Type.Literal('stopped'),
  Type.Literal('down'),
]);

export const StateSignal = Type.Object(
  {
    tag: Type.String({ description: 'Tag of the machine’s device that tells its state as a number' }),
    map: Type.Optional(
      Type.Record(Type.String({ pattern: '^-?\\d+$' }), Type.Object({ name: Name, category: Category }, closed), {
        description: 'Meaning of each number; without it PackML’s',
      }),
    ),
  },
  closed,
);
export type StateSignal = Static<typeof StateSignal>;

export const CounterSignals = Type.Object(
  {
    total: Type.String({ description: 'Tag that counts everything made, good and bad' }),
    reject: Type.Optional(
      Type.String({ description: 'Tag that counts what was rejected; without it quality is unknown' }),
    ),
    unit: Type.String({ default: 'parts', maxLength: 16, description: 'What is counted' }),
    scale: Type.Number({ default: 1, exclusiveMinimum: 0, description: 'Units for each count' }),
    idealPerHour: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        description: 'Units an hour at the planned rate; without it performance is unknown',
      }),
    ),
  },
  closed,
);
export type CounterSignals = Static<typeof CounterSignals>;

const Shown = Type.Object(
  {
    tag: Type.String({ description: 'Tag of the machine’s device' }),
    label: Type.Optional(Type.String({ maxLength: 40, description: 'Short name on the tile; without it the tag’s' })),
    decimals: Type.Integer({ default: 1, minimum: 0, maximum: 6, description: 'Digits behind the point' }),
  },
  closed,
);

export const Cell = Type.Object(
  {
    id: Id,
    name: Name,
    gateway: Source,
    device: Type.String({ description: 'Device of the gateway’s configuration' }),
    state: Type.Optional(StateSignal),
    counters: Type.Optional(CounterSignals),
    show: Type.Array(Shown, { default: [], maxItems: 6, description: 'The values that matter, on its tile' }),
  },
  closed,
);
export type Cell = Static<typeof Cell>;

const Line = Type.Object({ id: Id, name: Name, cells: Type.Array(Cell, { default: [] }) }, closed);
const Area = Type.Object({ id: Id, name: Name, lines: Type.Array(Line, { default: [] }) }, closed);
const Site = Type.Object(
  {
    id: Id,
    name: Name,
    timeZone: Type.String({ description: 'IANA name, such as Europe/Berlin' }),
    shifts: Type.Array(Shift, {
      minItems: 1,
      description: 'The shifts of a day; time in none of them is not planned',
    }),
    areas: Type.Array(Area, { default: [] }),
  },
  closed,
);

export const PlantConfig = Type.Object(
  {
    enterprise: Type.Object({ id: Id, name: Name }, closed),
    sites: Type.Array(Site, { minItems: 1 }),
  },
  closed,
);
export type PlantConfig = Static<typeof PlantConfig>;
