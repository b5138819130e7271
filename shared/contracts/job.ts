/** Work that takes a while and that somebody may wait for: a write, a configuration on its way, a backup. */
import { type Static, Type } from 'typebox';

const Ms = Type.Integer({ description: 'milliseconds since 1970 UTC, by the hub’s clock' });

const JobState = Type.Union([
  Type.Literal('waiting'),
  Type.Literal('running'),
  Type.Literal('done'),
  Type.Literal('failed'),
  Type.Literal('unknown', { description: 'nobody has told what became of it, and nobody waits any more' }),
]);

export const JobView = Type.Object({
  id: Type.String(),
  kind: Type.String({ description: 'what is done, such as write, config or backup' }),
  title: Type.String({ description: 'in words' }),
  by: Type.String({ description: 'who asked for it; empty: the hub itself' }),
  gateway: Type.String({ description: 'the gateway that does it; empty: the hub' }),
  machine: Type.String({ description: 'path of the machine that it is about; empty: none' }),
  state: JobState,
  progress: Type.Union([Type.Number({ minimum: 0, maximum: 1 }), Type.Null()], {
    description: 'how much is done; null when that is not known',
  }),
  detail: Type.String({ description: 'what came of it, or why not' }),
  at: Ms,
  changedAt: Ms,
});
export type JobView = Static<typeof JobView>;
