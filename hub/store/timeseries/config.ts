/** Where the time series are kept. */
import { type Static, Type } from 'typebox';
import { checkInflux, InfluxConfig } from './influx/config.ts';

const closed = { additionalProperties: false };

export const TimeSeriesConfig = Type.Object(
  {
    memoryLimit: Type.String({
      default: '512MB',
      pattern: '^\\d+(MB|GB)$',
      description: 'Most memory that the embedded time-series store takes, such as 512MB or 2GB',
    }),
    influx: Type.Optional(InfluxConfig),
  },
  { ...closed, default: {}, description: 'The time series: embedded, or in an InfluxDB' },
);
export type TimeSeriesConfig = Static<typeof TimeSeriesConfig>;

/** What the schema lets pass and what cannot work; empty when all is well. */
export function checkTimeSeries({ timeSeries }: { timeSeries: TimeSeriesConfig }): {
  path: string[];
  message: string;
}[] {
  const { influx } = timeSeries;
  if (!influx) return [];
  return checkInflux(influx).map(({ path, message }) => ({ path: ['timeSeries', 'influx', ...path], message }));
}
