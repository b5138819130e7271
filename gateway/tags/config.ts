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
  deadband: Type.Optional(
    Type.Number({
      minimum: 0,
      description:
        'A value is kept only when it differs by more than this from the last one kept, in engineering units; 0 keeps every change; without it every reading is kept',
    }),
  ),
};

const Common = Type.Object(CommonTag);
export type CommonTag = Static<typeof Common>;
