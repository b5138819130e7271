/** The past of tags. */
import { History, Problem } from '@lineside/shared/contracts/api.ts';
import { LINK_TAG } from '@lineside/shared/contracts/frame.ts';
import { isGood } from '@lineside/shared/contracts/quality.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { type Static, Type } from 'typebox';
import { seesDevice } from '../../../auth/identity.ts';
import { bucketHistory } from '../../../store/timeseries/history.ts';
import { linkedIntervals } from '../../../store/timeseries/linked-intervals.ts';
import type { TimeSeriesStore } from '../../../store/timeseries/time-series.ts';
import type { ApiServices } from '../../services.ts';
import type { Api } from '../api.ts';

const HistoryQuery = Type.Object({
  from: Type.Integer({ minimum: 0, description: 'milliseconds since 1970 UTC' }),
  to: Type.Integer({ minimum: 0, description: 'not included' }),
  points: Type.Integer({ minimum: 10, maximum: 5_000, default: 600, description: 'about so many points' }),
});

/** Link samples looked at for gaps: a week of heartbeats. */
const MAX_LINKS = 150_000;

/** A longer range than this is refused. */
const MAX_RANGE_MS = 370 * 24 * 3_600_000;

export function historyRoutes(app: Api, { board, timeSeries, machines }: ApiServices): void {
  app.get(
    '/tags/:id/history',
    {
      config: { permission: 'tags.read', problems: ['RANGE_INVALID', 'TAG_NOT_FOUND'] },
      schema: {
        tags: ['tags'],
        operationId: 'getTagHistory',
        summary: 'The past of a tag: single samples where they are few, else mean, minimum and maximum',
        params: Type.Object({ id: Type.Integer({ minimum: 1 }) }),
        querystring: HistoryQuery,
        response: { 200: History, 400: Problem, 404: Problem },
      },
    },
    async (request) => {
      const { from, to, points } = request.query;
      const tag = board.catalog.get(request.params.id);
      if (!tag || !seesDevice(request.identity!, machines, tag.gateway, tag.device))
        throw new LinesideError('TAG_NOT_FOUND', 'peer', `there is no tag ${request.params.id}`);
      if (to <= from || to - from > MAX_RANGE_MS) {
        throw new LinesideError('RANGE_INVALID', 'peer', 'from must lie before to, and the range is a year at most');
      }
      const link = board.catalog.find(tag.gateway, tag.device, LINK_TAG)?.id;
      const columns = await historyOf(timeSeries, tag.id, from, to, points);
      if (link !== undefined) await markSilence(timeSeries, link, from, to, columns);
      return { tag: tag.id, unit: tag.unit, ...columns };
    },
  );
}

type Columns = Pick<Static<typeof History>, 'at' | 'mean' | 'min' | 'max' | 'raw'>;

/** Raw samples when there are at most twice the points asked for, else buckets. */
async function historyOf(
  store: TimeSeriesStore,
  tag: number,
  from: number,
  to: number,
  points: number,
): Promise<Columns> {
  const samples = await store.range(tag, from, to, { limit: points * 2 + 1 });
  if (samples.length <= points * 2) {
    const values = samples.map(({ value, quality }) => (isGood(quality) ? numberOf(value) : null));
    return { at: samples.map(({ at }) => at), mean: values, min: values, max: values, raw: true };
  }
  const stepMs = Math.ceil((to - from) / points);
  const query = { tags: [tag], from, to, stepMs, timeWeighted: false };
  const buckets = (await bucketHistory(store, query, {}, Date.now())).get(tag) ?? [];
  return {
    at: buckets.map(({ at }) => at),
    mean: buckets.map(({ mean }) => mean),
    min: buckets.map(({ min }) => min),
    max: buckets.map(({ max }) => max),
    raw: false,
  };
}

/** Where the device was not linked, a point without a value breaks the line: nobody knows what was there. */
async function markSilence(
  store: TimeSeriesStore,
  link: number,
  from: number,
  to: number,
  columns: Columns,
): Promise<void> {
  const links = await store.range(link, from, to, { before: true, limit: MAX_LINKS });
  const linked = linkedIntervals(links, from, to);
  for (const { to: end } of linked) {
    const next = columns.at.findIndex((at) => at > end);
    // Silence at the very end is for the reader to see: the line just stops.
    if (next <= 0) continue;
    columns.at.splice(next, 0, end);
    for (const column of new Set([columns.mean, columns.min, columns.max])) column.splice(next, 0, null);
  }
}

function numberOf(value: number | boolean | string | null): number | null {
  if (typeof value === 'boolean') return Number(value);
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}
