import type { ValueType } from '@lineside/shared/contracts/frame.ts';
import { type Static, Type } from 'typebox';

/** The settings of a tag that do not depend on its driver. */
export const CommonTag = {
  name: Type.String({
    pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$',
    description: 'Name of the tag, unique within its device; letters, digits, _ . and -',
  }),
  unit: Type.String({ default: '', maxLength: 32, description: 'Unit after scaling, such as Cel, bar or 1/min' }),
  description: Type.String({ default: '', maxLength: 500, description: 'What it is, for people' }),
  scale: Type.Number({ default: 1, description: 'Engineering value = raw value × scale + offset' }),
  offset: Type.Number({ default: 0, description: 'Engineering value = raw value × scale + offset' }),
  linear: Type.Optional(
    Type.Object(
      {
        rawLow: Type.Number({ description: 'A raw value' }),
        rawHigh: Type.Number({ description: 'Another raw value' }),
        low: Type.Number({ description: 'Engineering value at rawLow' }),
        high: Type.Number({ description: 'Engineering value at rawHigh' }),
      },
      {
        additionalProperties: false,
        description:
          'Engineering value by two points of a straight line, which goes on beyond them; instead of scale and offset',
      },
    ),
  ),
  enum: Type.Optional(
    Type.Record(Type.String({ pattern: '^-?[0-9]{1,16}$' }), Type.String({ minLength: 1, maxLength: 64 }), {
      minProperties: 1,
      maxProperties: 1000,
      description:
        'Names for raw values, such as { 0: Stopped, 1: Running }; the value becomes the name. A number without a name becomes its digits, with quality Uncertain. false is 0 and true is 1',
    }),
  ),
  deadband: Type.Optional(
    Type.Number({
      minimum: 0,
      description:
        'A value is kept only when it differs by more than this from the last one kept, in engineering units; 0 keeps every change; without it every reading is kept',
    }),
  ),
  writable: Type.Boolean({
    default: false,
    description: 'Whether a command may write it. A number then needs min and max',
  }),
  min: Type.Optional(Type.Number({ description: 'Least value that may be written, in engineering units' })),
  max: Type.Optional(Type.Number({ description: 'Greatest value that may be written, in engineering units' })),
};

const Common = Type.Object(CommonTag);
export type CommonTag = Static<typeof Common>;

/**
 * Settings that a schema lets pass and that do not go together.
 *
 * @param type what the driver gives
 */
export function checkTag(tag: CommonTag, type: ValueType): { field: string; message: string }[] {
  const problems: { field: string; message: string }[] = [];
  const scaled = tag.scale !== 1 || tag.offset !== 0;
  if (tag.linear && tag.linear.rawLow === tag.linear.rawHigh) {
    const message = `rawLow and rawHigh are both ${tag.linear.rawLow}: write two raw values and what each of them means`;
    problems.push({ field: 'linear', message });
  }
  if (tag.linear && scaled) {
    problems.push({ field: 'linear', message: 'linear says all that scale and offset say: remove one of them' });
  }
  const word = Object.keys(tag.enum ?? {}).find((raw) => !/^-?\d{1,16}$/.test(raw));
  if (word !== undefined) {
    const message = `"${word}" is no whole number: enum names raw values, such as { 0: Stopped, 1: Running }`;
    problems.push({ field: 'enum', message });
  }
  if (tag.enum && (scaled || tag.linear)) {
    const message = `enum names raw values and goes without ${tag.linear ? 'linear' : 'scale and offset'}: remove one of them`;
    problems.push({ field: 'enum', message });
  }
  const number = type !== 'boolean' && type !== 'string' && !tag.enum;
  if (tag.writable && number && (tag.min === undefined || tag.max === undefined)) {
    const message = `a number that may be written needs limits: add ${tag.min === undefined ? 'min' : 'max'}, in engineering units, or remove writable`;
    problems.push({ field: 'writable', message });
  }
  for (const field of ['min', 'max'] as const) {
    if (tag[field] === undefined || (tag.writable && number)) continue;
    const message = `${field} limits what may be written: it goes with a number and writable: true, remove it`;
    problems.push({ field, message });
  }
  if (tag.min !== undefined && tag.max !== undefined && tag.min > tag.max) {
    problems.push({ field: 'min', message: `min (${tag.min}) is more than max (${tag.max}): exchange them` });
  }
  return problems;
}

/** The type of a tag's values when they have gone through its scale or names; `type` is what the driver gives. */
export function typeAfter(tag: CommonTag, type: ValueType): ValueType {
  if (tag.enum) return 'string';
  const scaled = tag.scale !== 1 || tag.offset !== 0 || tag.linear !== undefined;
  return scaled && type === 'integer' ? 'float64' : type;
}
