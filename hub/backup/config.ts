import { type Static, Type } from 'typebox';

export const BackupConfig = Type.Object(
  {
    dir: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'Folder of the backups, path from the configuration’s folder, best on another disk; by default backups/ in dataDir',
      }),
    ),
    everyHours: Type.Number({
      default: 0,
      minimum: 0,
      maximum: 8_760,
      description: 'How often a backup is made, such as 24; 0: only when `hub backup` asks for one',
    }),
    keep: Type.Integer({ default: 7, minimum: 1, maximum: 1_000, description: 'So many are kept; the oldest go' }),
    alarmAfterHours: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        maximum: 8_760,
        description: 'With the newest good one older than this, the hub says so; by default twice everyHours',
      }),
    ),
  },
  { additionalProperties: false, default: {}, description: 'Backups of the embedded stores' },
);
export type BackupConfig = Static<typeof BackupConfig>;
