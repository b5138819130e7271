import { type Static, Type } from 'typebox';

export const AlarmConfig = Type.Object(
  {
    id: Type.String({
      pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$',
      description: 'Name of the alarm, unique in the gateway',
    }),
    tag: Type.String({ description: 'The tag that it watches, as device/tag; a model’s score is a tag too' }),
    message: Type.String({ minLength: 1, maxLength: 200, description: 'What the operator reads' }),
    priority: Type.Union(
      [Type.Literal('critical'), Type.Literal('high'), Type.Literal('medium'), Type.Literal('low')],
      { default: 'medium', description: 'How soon somebody has to act (ISA-18.2)' },
    ),
    above: Type.Optional(Type.Number({ description: 'Active while the value is above this, engineering units' })),
    below: Type.Optional(Type.Number({ description: 'Active while the value is below this, engineering units' })),
    bit: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 31,
        description: 'Active while this bit of an integer tag is set, 0 is the lowest',
      }),
    ),
    hysteresis: Type.Number({
      default: 0,
      minimum: 0,
      description: 'How far the value must come back inside the limit before the alarm returns, engineering units',
    }),
    onDelayMs: Type.Integer({
      default: 0,
      minimum: 0,
      description: 'The condition must hold this long before the alarm is raised, ms (ISA-18.2 on-delay)',
    }),
    offDelayMs: Type.Integer({
      default: 0,
      minimum: 0,
      description: 'The condition must be over this long before the alarm returns, ms (ISA-18.2 off-delay)',
    }),
  },
  { additionalProperties: false },
);
export type AlarmConfig = Static<typeof AlarmConfig>;

/** What the schema cannot say: exactly one condition. */
export function checkAlarm(alarm: AlarmConfig): { field: string; message: string }[] {
  const conditions = (['above', 'below', 'bit'] as const).filter((key) => alarm[key] !== undefined);
  if (conditions.length === 1) return [];
  if (conditions.length === 0) return [{ field: 'tag', message: 'no condition; add above, below or bit' }];
  return [
    { field: conditions[1]!, message: `${conditions.join(' and ')} together; keep one, make an alarm of the other` },
  ];
}
