/** The past of tags, of one or of many at once, in the form that the client accepts. */
import { Readable } from 'node:stream';
import { Histories, History, Problem } from '@lineside/shared/contracts/api.ts';
import { LINK_TAG } from '@lineside/shared/contracts/frame.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { seesDevice } from '../../../auth/identity.ts';
import { linkedIntervals } from '../../../store/timeseries/linked-intervals.ts';
import { numberOf } from '../../../store/timeseries/summary.ts';
import { type HistoryAsk, type Resolution, readHistory, resolve } from '../../history/history-reader.ts';
import { formFor, HISTORY_TYPES, type HistoryForm } from '../../history/media-types.ts';
import { type Aggregate, csvOf, type HistoryTag, jsonLinesOf, jsonValue } from '../../history/text-rows.ts';
import type { ApiServices } from '../../services.ts';
import type { Api } from '../api.ts';

const AGGREGATES: Aggregate[] = ['mean', 'min', 'max', 'first', 'last', 'timeWeightedMean', 'count', 'good'];
const ONE_OF = AGGREGATES.join('|');
/** A longer range than this is refused. */
const MAX_RANGE_MS = 3_700 * 24 * 3_600_000;
/** Of one answer in JSON, which is put together before it goes out. */
const MOST_JSON_POINTS = 200_000;
const MOST_TAGS = 100;
/** Link samples looked at for gaps: a week of heartbeats. */
const MAX_LINKS = 150_000;

const Query = {
  from: Type.Integer({ minimum: 0, description: 'milliseconds since 1970 UTC' }),
  to: Type.Integer({ minimum: 0, description: 'not included' }),
  points: Type.Integer({
    ...{ minimum: 10, maximum: 5_000, default: 600 },
    description:
      'about so many points of each tag: samples where they are at most twice as many, else buckets of a length that fits',
  }),
  step: Type.Optional(
    Type.Integer({
      minimum: 1,
      examples: [60_000],
      description: 'buckets of exactly so many milliseconds; the first begins at `from`',
    }),
  ),
  raw: Type.Boolean({ default: false, description: 'all samples as they are, in place of `points` and `step`' }),
  aggregates: Type.String({
    ...{ default: 'mean,min,max', maxLength: 100, pattern: `^(${ONE_OF})(,(${ONE_OF}))*$` },
    description: `what of each bucket, of ${AGGREGATES.join(', ')}; timeWeightedMean weights each value with how long it held, good counts the samples that were calculated with`,
  }),
};
const OneQuery = Type.Object(Query);
const ManyQuery = Type.Object({
  tag: Type.Array(Type.Integer({ minimum: 1 }), {
    ...{ minItems: 1, maxItems: MOST_TAGS, examples: [[31]] },
    description: 'ids; once for each tag: tag=31&tag=32',
  }),
  ...Query,
});
type Query = Static<typeof OneQuery>;

const streamed = (example: string) => ({ schema: Type.String({ examples: [example] }) });
const FORMS = {
  [HISTORY_TYPES.csv]: streamed(
    'tag,name,unit,at,time,mean,min,max\r\n31,"speed","1/min",1782028800000,2026-06-21T08:00:00.000Z,120.5,118,122\r\n',
  ),
  [HISTORY_TYPES.jsonLines]: streamed(
    '{"tag":31,"name":"speed","unit":"1/min","at":1782028800000,"time":"2026-06-21T08:00:00.000Z","mean":120.5}\n',
  ),
  [HISTORY_TYPES.arrow]: streamed('an Arrow IPC stream of record batches'),
};

interface Asked {
  tags: HistoryTag[];
  ask: HistoryAsk;
  aggregates: Aggregate[];
  resolution: Resolution;
}

export function historyRoutes(app: Api, services: ApiServices): void {
  const answers = (schema: typeof History | typeof Histories) => ({
    200: { description: 'The past', content: { [HISTORY_TYPES.json]: { schema }, ...FORMS } },
    ...{ 400: Problem, 404: Problem, 406: Problem },
  });
  const problems = ['RANGE_INVALID', 'TAG_NOT_FOUND', 'NOT_ACCEPTABLE'] as const;

  app.get(
    '/tags/:id/history',
    {
      config: { permission: 'tags.read', problems },
      schema: {
        tags: ['tags'],
        operationId: 'getTagHistory',
        summary: 'The past of a tag as JSON, CSV, JSON lines or Arrow',
        params: Type.Object({ id: Type.Integer({ minimum: 1 }) }),
        querystring: OneQuery,
        response: answers(History),
      },
    },
    async (request, reply) => {
      const form = formOf(request);
      const asked = await take(services, request, [request.params.id], request.query);
      if (form !== 'json') return send(services, reply, form, asked);
      const history = (await jsonOf(services, asked))[0]!;
      return reply.header('vary', 'accept').type(HISTORY_TYPES.json).send(history);
    },
  );

  app.get(
    '/history',
    {
      config: { permission: 'tags.read', problems },
      schema: {
        tags: ['tags'],
        operationId: 'getHistories',
        summary: 'The past of many tags at once, in the order asked for',
        querystring: ManyQuery,
        response: answers(Histories),
      },
    },
    async (request, reply) => {
      const form = formOf(request);
      const { tag, ...query } = request.query;
      const asked = await take(services, request, [...new Set(tag)], query);
      if (form !== 'json') return send(services, reply, form, asked);
      const { from, to } = asked.ask;
      const histories = await jsonOf(services, asked);
      return reply.header('vary', 'accept').type(HISTORY_TYPES.json).send({ from, to, tags: histories });
    },
  );
}

function formOf(request: FastifyRequest): HistoryForm {
  const form = formFor(request.headers.accept);
  if (form) return form;
  const words = `a history is given as ${Object.values(HISTORY_TYPES).join(', ')}`;
  throw new LinesideError('NOT_ACCEPTABLE', 'peer', words);
}

async function take(services: ApiServices, request: FastifyRequest, ids: number[], query: Query): Promise<Asked> {
  const { board, machines, timeSeries } = services;
  const tags = ids.map((id) => {
    const tag = board.catalog.get(id);
    if (!tag || !seesDevice(request.identity!, machines, tag.gateway, tag.device)) {
      throw new LinesideError('TAG_NOT_FOUND', 'peer', `there is no tag ${id}`);
    }
    return tag;
  });
  const { from, to, points, step, raw } = query;
  if (to <= from || to - from > MAX_RANGE_MS) {
    throw new LinesideError('RANGE_INVALID', 'peer', 'from must lie before to, and the range is ten years at most');
  }
  const aggregates = [...new Set(query.aggregates.split(','))] as Aggregate[];
  const ask = { from, to, points, stepMs: step, raw, timeWeighted: aggregates.includes('timeWeightedMean') };
  return { tags, ask, aggregates, resolution: await resolve(timeSeries, ids, ask) };
}

/** Reads while the client takes it: whoever is slow holds up nobody but himself. */
async function send(
  services: ApiServices,
  reply: FastifyReply,
  form: HistoryForm,
  asked: Asked,
): Promise<FastifyReply> {
  const { tags, ask, aggregates, resolution } = asked;
  const { timeSeries } = services;
  const byId = new Map(tags.map((tag) => [tag.id, tag]));
  const blocks = readHistory(timeSeries, [...byId.keys()], ask, resolution, services);
  const raw = resolution.stepMs === null;
  let rows: AsyncIterable<string | Buffer>;
  if (form === 'csv') rows = csvOf(blocks, byId, aggregates, raw);
  else if (form === 'jsonLines') rows = jsonLinesOf(blocks, byId, aggregates);
  // Loaded when somebody wants it: it is 20 MB of memory.
  else rows = (await import('../../history/arrow-batches.ts')).arrowOf(blocks, byId, aggregates, raw);
  const name = { csv: 'history.csv', jsonLines: 'history.jsonl', arrow: 'history.arrows', json: '' }[form];
  const type = form === 'csv' ? 'text/csv; charset=utf-8; header=present' : HISTORY_TYPES[form];
  return reply
    .header('vary', 'accept')
    .header('content-disposition', `attachment; filename="${name}"`)
    .type(type)
    .send(Readable.from(rows, { objectMode: false }));
}

/** In columns. Where the device was not linked, a point without a value breaks the line: nobody knows what was there. */
async function jsonOf(services: ApiServices, { tags, ask, aggregates, resolution }: Asked): Promise<History[]> {
  const { board, timeSeries } = services;
  const { stepMs } = resolution;
  const ids = tags.map(({ id }) => id);
  const columns = new Map(ids.map((id) => [id, newColumns(stepMs === null, aggregates)]));
  let points = 0;
  for await (const { tag, samples, buckets } of readHistory(timeSeries, ids, ask, resolution, services)) {
    points += (samples ?? buckets).length;
    if (points > MOST_JSON_POINTS) {
      const words = `these are more than ${MOST_JSON_POINTS} points, too many for JSON: accept ${HISTORY_TYPES.csv}, ${HISTORY_TYPES.jsonLines} or ${HISTORY_TYPES.arrow}, or ask for less`;
      throw new LinesideError('RANGE_INVALID', 'peer', words);
    }
    const of = columns.get(tag)!;
    for (const sample of samples ?? []) {
      const number = numberOf(sample);
      of.at!.push(sample.at);
      for (const name of ['mean', 'min', 'max']) of[name]!.push(number);
      of.value!.push(jsonValue(sample.value));
      of.quality!.push(sample.quality);
    }
    for (const bucket of buckets ?? []) {
      of.at!.push(bucket.at);
      for (const aggregate of aggregates) of[aggregate]!.push(bucket[aggregate]);
    }
  }
  const histories: History[] = [];
  for (const { id, unit } of tags) {
    const of = columns.get(id)!;
    const { gateway, device } = board.catalog.get(id)!;
    const link = board.catalog.find(gateway, device, LINK_TAG)?.id;
    if (link !== undefined) await markSilence(services, link, ask, of);
    histories.push({ tag: id, unit, raw: stepMs === null, stepMs, ...of } as History);
  }
  return histories;
}

type Columns = Record<string, unknown[]>;

function newColumns(raw: boolean, aggregates: Aggregate[]): Columns {
  const names = raw ? ['at', 'mean', 'min', 'max', 'value', 'quality'] : ['at', ...aggregates];
  return Object.fromEntries(names.map((name) => [name, []]));
}

async function markSilence(
  { timeSeries }: ApiServices,
  link: number,
  ask: HistoryAsk,
  columns: Columns,
): Promise<void> {
  const { from, to } = ask;
  const links = await timeSeries.range(link, from, to, { before: true, limit: MAX_LINKS });
  const at = columns.at as number[];
  for (const { to: end } of linkedIntervals(links, from, to)) {
    const next = at.findIndex((time) => time > end);
    // Silence at the very end is for the reader to see: the line just stops.
    if (next <= 0) continue;
    for (const [name, column] of Object.entries(columns)) column.splice(next, 0, name === 'at' ? end : null);
  }
}
