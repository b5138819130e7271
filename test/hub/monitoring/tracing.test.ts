/** Traces of a real API on real stores, sent to a collector that reads OTLP. */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import protobuf from 'protobufjs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { OtlpTracing } from '../../../hub/monitoring/otlp-tracing.ts';
import { startTestHub, type TestHub } from '../../services/test-hub.ts';

/** The part of opentelemetry-proto that is looked at. */
const Request = protobuf
  .parse(`syntax = "proto3";
  message Request { repeated ResourceSpans resource_spans = 1; }
  message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
  message Resource { repeated KeyValue attributes = 1; }
  message ScopeSpans { repeated Span spans = 2; }
  message KeyValue { string key = 1; Any value = 2; }
  message Any { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; } }
  message Span { bytes trace_id = 1; bytes span_id = 2; bytes parent_span_id = 4; string name = 5;
    fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9; Status status = 15; }
  message Status { int32 code = 3; }`)
  .root.lookupType('Request');

interface Heard {
  trace: string;
  id: string;
  parent: string;
  name: string;
  attributes: Record<string, unknown>;
  failed: boolean;
}

const heard: Heard[] = [];
const headers: IncomingMessage['headers'][] = [];
let collector: Server;
let tracing: OtlpTracing;
let hub: TestHub;
let cookie: string;

beforeAll(async () => {
  collector = createServer(async (request, response) => {
    headers.push(request.headers);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    take(Buffer.concat(chunks));
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
  });
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(collector.address() as AddressInfo).port}/v1/traces`;
  const log = pino({ level: 'silent' });
  tracing = new OtlpTracing({ url, headers: { authorization: 'Bearer token' }, sampleRatio: 1, sendMs: 50, log });
  hub = await startTestHub({ monitoring: { tracing } });
  cookie = await hub.signIn();
});
afterAll(async () => {
  await hub.close();
  await tracing.stop();
  collector.close();
});

function take(bytes: Buffer): void {
  const hex = (value: string) => Buffer.from(value, 'base64').toString('hex');
  const { resourceSpans = [] } = Request.toObject(Request.decode(bytes), { bytes: String, longs: Number }) as {
    resourceSpans?: { scopeSpans: { spans: Record<string, never>[] }[] }[];
  };
  for (const { scopeSpans } of resourceSpans) {
    for (const span of scopeSpans.flatMap(({ spans }) => spans) as unknown as RawSpan[]) {
      const pairs = (span.attributes ?? []).map(({ key, value }) => [key, Object.values(value)[0]]);
      heard.push({
        ...{ trace: hex(span.traceId), id: hex(span.spanId), parent: hex(span.parentSpanId ?? ''), name: span.name },
        ...{ attributes: Object.fromEntries(pairs), failed: span.status?.code === 2 },
      });
    }
  }
}

interface RawSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  attributes?: { key: string; value: Record<string, unknown> }[];
  status?: { code?: number };
}

const named = (name: string) =>
  vi.waitFor(
    () => {
      const found = heard.find((span) => span.name === name);
      expect(found, `${name} of ${heard.map((span) => span.name)}`).toBeDefined();
      return found!;
    },
    { timeout: 15_000, interval: 20 },
  );

test('a request belongs to the trace of its caller, and its queries to the request', async () => {
  const [trace, caller] = ['4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7'];
  const answer = await fetch(`${hub.url}/api/v1/alarms?limit=5`, {
    headers: { cookie, traceparent: `00-${trace}-${caller}-01`, 'x-request-id': 'mine' },
  });
  expect(answer.status).toBe(200);
  await answer.text();
  const request = await named('GET /api/v1/alarms');
  expect(request).toMatchObject({ trace, parent: caller, failed: false });
  expect(request.attributes).toMatchObject({
    'http.request.method': 'GET',
    'http.route': '/api/v1/alarms',
    'http.response.status_code': 200,
    'lineside.request.id': 'mine',
  });
  const query = await named('relational select alarms');
  expect(query).toMatchObject({ trace, parent: request.id, attributes: { 'db.operation': 'select alarms' } });
  expect(JSON.stringify(heard)).not.toContain(cookie.split('=')[1]);
  expect(headers[0]).toMatchObject({ authorization: 'Bearer token', 'content-type': 'application/x-protobuf' });
});

test('a request with a body stays the parent of its queries', async () => {
  const answer = await fetch(`${hub.url}/api/v1/alarms/none/acknowledge`, {
    method: 'POST',
    headers: { cookie, 'content-type': 'application/json' },
    body: '{}',
  });
  expect(answer.status).toBe(404);
  const request = await named('POST /api/v1/alarms/:occurrence/acknowledge');
  const queries = await vi.waitFor(() => {
    const found = heard.filter(({ name, parent }) => name === 'relational select alarms' && parent === request.id);
    expect(found).toHaveLength(1);
    return found;
  }, 15_000);
  expect(queries[0]!.trace).toBe(request.trace);
});

test('a commit is a trace with what it asks of the stores, failures included', async () => {
  const commit = hub.monitor.commit({ records: 2, samples: 20 }, async () => {
    await hub.stores.db.selectFrom('writes').selectAll().execute();
    throw new Error('disk full');
  });
  await expect(commit).rejects.toThrow('disk full');
  const span = await named('ingest commit');
  expect(span).toMatchObject({ parent: '', failed: true, attributes: { records: 2, samples: 20 } });
  expect(await named('relational select writes')).toMatchObject({ parent: span.id, trace: span.trace });
});

test('what nobody asked for makes no trace of its own', async () => {
  await hub.stores.db.selectFrom('commands').selectAll().execute();
  await hub.monitor.commit({ marker: true }, async () => undefined);
  await vi.waitFor(() => expect(heard.some(({ attributes }) => attributes.marker === true)).toBe(true), 15_000);
  expect(heard.filter(({ name }) => name === 'relational select commands')).toEqual([]);
});
