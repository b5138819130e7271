/** Where the time series are kept. */
import { type Static, Type } from 'typebox';
import { checkInflux, InfluxConfig } from './influx/config.ts';

const closed = { additionalProperties: false };

/** OEE, completeness and days that are still open read samples: of so many days they are always there. */
const FEWEST_DAYS = 14;

const days = (what: string, minimum = 1) =>
  Type.Optional(
    Type.Integer({ minimum, maximum: 36_500, description: `Days for which ${what}; without it, for ever` }),
  );

export const RetentionConfig = Type.Object(
  {
    samplesDays: days('samples are kept as they came', FEWEST_DAYS),
    secondsDays: days('summaries of seconds are kept, of tags with more than two samples a second'),
    minutesDays: days('summaries of minutes are kept'),
    hoursDays: days('summaries of hours are kept'),
  },
  {
    ...closed,
    default: {},
    description: 'How long what is kept; nothing is deleted unless it is written here',
  },
);
export type RetentionConfig = Static<typeof RetentionConfig>;

export const TimeSeriesConfig = Type.Object(
  {
    memoryLimit: Type.String({
      default: '512MB',
      pattern: '^\\d+(MB|GB)$',
      description: 'Most memory that the embedded time-series store takes, such as 512MB or 2GB',
    }),
    influx: Type.Optional(InfluxConfig),
    retention: RetentionConfig,
  },
  { ...closed, default: {}, description: 'The time series: embedded, or in an InfluxDB' },
);
export type TimeSeriesConfig = Static<typeof TimeSeriesConfig>;

/** What the schema lets pass and what cannot work; empty when all is well. */
export function checkTimeSeries({ timeSeries }: { timeSeries: TimeSeriesConfig }): {
  path: string[];
  message: string;
}[] {
  const { influx, retention } = timeSeries;
  const problems = influx
    ? checkInflux(influx).map(({ path, message }) => ({ path: ['influx', ...path], message }))
    : [];
  const { samplesDays = Number.POSITIVE_INFINITY, minutesDays, hoursDays } = retention;
  const shorter = { minutesDays, hoursDays };
  for (const [name, days] of Object.entries(shorter)) {
    if (days === undefined || days >= samplesDays) continue;
    const message = `what is summarised is there for the time after the samples: ${name} is less than samplesDays`;
    problems.push({ path: ['retention', name], message });
  }
  return problems.map(({ path, message }) => ({ path: ['timeSeries', ...path], message }));
}
