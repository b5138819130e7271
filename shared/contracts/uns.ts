/**
 * What integrators read and write: the payloads of the unified namespace (UNS), from a gateway's local broker, from
 * the hub, or from a broker of the plant. docs/mqtt.md has the topics; docs/asyncapi.yaml is made of these schemas.
 */
import { type Static, Type } from 'typebox';

const Ms = (description: string) => Type.Integer({ description: `${description}, milliseconds since 1970 UTC` });
const Scalar = Type.Union([Type.Number(), Type.Boolean(), Type.String()]);
const OrNull = Type.Union([Type.Number(), Type.Boolean(), Type.String(), Type.Null()]);
const NumberOrNull = Type.Union([Type.Number(), Type.Null()]);

/** Retained: the newest value of a tag. */
export const UnsValue = Type.Object(
  {
    timestamp_ms: Ms('When the source says that the value was true'),
    value: Type.Union(OrNull.anyOf, {
      description: 'In the unit; the name where the tag has an enumeration. null with a quality that is not Good',
    }),
    quality: Type.String({ description: 'Name of the OPC UA status code, such as Good or BadNotConnected' }),
    quality_code: Type.Integer({ minimum: 0, description: 'The OPC UA status code itself; 0 is Good' }),
    unit: Type.String({ description: 'Empty when there is none' }),
  },
  { title: 'Value of a tag', additionalProperties: false },
);
export type UnsValue = Static<typeof UnsValue>;

/** Retained: the newest value of a tag as the United Manufacturing Hub takes it. Exactly these two keys. */
export const UmhValue = Type.Object(
  { timestamp_ms: Ms('When the source says that the value was true'), value: Scalar },
  { title: 'Value of a tag, UMH style', additionalProperties: false },
);
export type UmhValue = Static<typeof UmhValue>;

export const UnsDeviceState = Type.Object(
  {
    timestamp_ms: Ms('Since when it is so'),
    gateway: Type.String(),
    device: Type.String(),
    state: Type.Union(
      [Type.Literal('connecting'), Type.Literal('up'), Type.Literal('down'), Type.Literal('unknown')],
      { description: 'unknown: only from the hub, while the gateway is out of its sight' },
    ),
    reason: Type.String({ description: 'Why it is not up; may say while it is up what it does not give' }),
  },
  { title: 'Whether a device answers', additionalProperties: false },
);
export type UnsDeviceState = Static<typeof UnsDeviceState>;

export const UnsGateway = Type.Object(
  {
    timestamp_ms: Ms('Since when it is so'),
    gateway: Type.String(),
    online: Type.Boolean(),
    version: Type.String(),
  },
  { title: 'Whether a gateway is there', additionalProperties: false },
);
export type UnsGateway = Static<typeof UnsGateway>;

export const UnsHub = Type.Object(
  { timestamp_ms: Ms('Since when it is so'), online: Type.Boolean(), version: Type.String() },
  { title: 'Whether the hub is there', additionalProperties: false },
);
export type UnsHub = Static<typeof UnsHub>;

export const UnsAlarm = Type.Object(
  {
    timestamp_ms: Ms('When its state changed last'),
    occurrence: Type.String({ description: 'Names this occurrence from its raising to its end' }),
    rule: Type.String({ description: 'The alarm’s id in the gateway’s configuration' }),
    device: Type.String(),
    state: Type.Union([Type.Literal('unacknowledged'), Type.Literal('acknowledged'), Type.Literal('returned')], {
      description: 'ISA-18.2; an alarm that is normal has no message',
    }),
    priority: Type.Union([
      Type.Literal('critical'),
      Type.Literal('high'),
      Type.Literal('medium'),
      Type.Literal('low'),
    ]),
    message: Type.String(),
    value: NumberOrNull,
    limit: NumberOrNull,
    unit: Type.String(),
    by: Type.String({ description: 'Who acknowledged it; empty while nobody has' }),
  },
  { title: 'An alarm that is not normal', additionalProperties: false },
);
export type UnsAlarm = Static<typeof UnsAlarm>;

/** What is asked. The bare JSON value alone is taken as well. */
export const UnsSet = Type.Object(
  {
    value: Type.Union(Scalar.anyOf, {
      description: 'In the tag’s unit; a name where the tag has an enumeration',
    }),
    id: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 100,
        description:
          'Comes back in the answer; the same id of the same account is not carried out again, but answered again. Without it one is made',
      }),
    ),
    comment: Type.Optional(Type.String({ maxLength: 500, description: 'Kept in the record of the write' })),
  },
  { title: 'Set a tag', additionalProperties: false },
);
export type UnsSet = Static<typeof UnsSet>;

export const UnsSetResult = Type.Object(
  {
    timestamp_ms: Ms('When it was decided'),
    id: Type.String({ description: 'Of the set; empty when it could not be read' }),
    ok: Type.Boolean({ description: 'The device took the value, and it was read back' }),
    old: Type.Union(OrNull.anyOf, { description: 'What the tag held before; null when that is not known' }),
    new: Type.Union(OrNull.anyOf, { description: 'What it holds now; null when that is not known' }),
    error: Type.String({ description: 'Why it is not well; empty when it is' }),
  },
  { title: 'What became of a set', additionalProperties: false },
);
export type UnsSetResult = Static<typeof UnsSetResult>;
