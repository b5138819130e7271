/** The settings of reading a server's history. */
import { type Static, Type } from 'typebox';

export const HistorySettings = Type.Object(
  {
    maxGapHours: Type.Number({
      exclusiveMinimum: 0,
      maximum: 8760,
      default: 24,
      description: 'Of a longer gap only the newest part is read, in hours.',
    }),
    valuesPerRequest: Type.Integer({
      minimum: 10,
      maximum: 100_000,
      default: 2000,
      description: 'Values that one answer may have, of all its tags together, in values.',
    }),
    requestsPerSecond: Type.Number({
      exclusiveMinimum: 0,
      maximum: 100,
      default: 5,
      description: 'Requests for history, at most, per second; one at a time in any case.',
    }),
    settleMs: Type.Integer({
      minimum: 0,
      maximum: 600_000,
      default: 2000,
      description: 'How long after a gap it is asked for: servers write their history in batches. In milliseconds.',
    }),
  },
  { additionalProperties: false },
);
export type HistorySettings = Static<typeof HistorySettings>;

export const HistoryConfig = Type.Union([Type.Literal('off'), HistorySettings], {
  default: {},
  description:
    'After an outage, a restart of the gateway or an overflow, what is missing is read from the history that the server keeps. off: never.',
});
