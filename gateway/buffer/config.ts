import { type Static, Type } from 'typebox';

export const BufferConfig = Type.Object(
  {
    commitIntervalMs: Type.Integer({
      default: 200,
      minimum: 0,
      maximum: 10_000,
      description: 'Samples are made durable in groups, at most this many milliseconds after they came; 0: at once',
    }),
    segmentMiB: Type.Integer({
      default: 16,
      minimum: 4,
      maximum: 256,
      description: 'Size of one file, MiB; at most a quarter of maxMiB is used',
    }),
    maxMiB: Type.Integer({
      default: 4096,
      minimum: 16,
      description: 'Most disk space that samples take, MiB; what happens then is whenFull. Every drop is named',
    }),
    urgentMiB: Type.Integer({
      default: 64,
      minimum: 4,
      description:
        'Most disk space that alarms and events take besides, MiB; they overtake samples and are never dropped for them',
    }),
    whenFull: Type.Union([Type.Literal('dropOldest'), Type.Literal('dropNewest'), Type.Literal('thin')], {
      default: 'dropOldest',
      description:
        'At maxMiB: dropOldest gives up the oldest samples; dropNewest takes no more; thin lets through one sample of a tag in thinMs from three quarters of maxMiB on, and gives up the oldest at the limit',
    }),
    thinMs: Type.Integer({
      default: 10_000,
      minimum: 100,
      maximum: 3_600_000,
      description: 'With whenFull: thin, milliseconds between two samples of a tag while the buffer is filling up',
    }),
    maxAgeHours: Type.Integer({
      default: 0,
      minimum: 0,
      maximum: 87_600,
      description: 'Samples that are older are given up although the hub does not have them, hours; 0: never',
    }),
    keepCommittedMiB: Type.Integer({
      default: 0,
      minimum: 0,
      description:
        'Data that the hub has committed is kept up to this size, MiB, to refill a hub restored from backup',
    }),
  },
  { additionalProperties: false, default: {}, description: 'The store on disk that holds data until the hub has it' },
);
export type BufferConfig = Static<typeof BufferConfig>;
