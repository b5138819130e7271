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
      description: 'Most disk space that the buffer takes, MiB; then the oldest data is dropped, counted and named',
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
