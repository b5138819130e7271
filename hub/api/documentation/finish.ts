/** Makes the generated document complete: an example for everything, headers, and one name for each shape. */
import * as accounts from '@lineside/shared/contracts/accounts.ts';
import * as contracts from '@lineside/shared/contracts/api.ts';
import { PROBLEMS, type ProblemCode, typeOf } from '../problem-list.ts';
import { exampleOf, type JsonSchema } from './example.ts';
import { exampleOfOperation } from './example-shapes.ts';

interface Media {
  schema?: JsonSchema;
  example?: unknown;
  examples?: Record<string, { summary?: string; value: unknown }>;
}

interface Answer {
  description: string;
  content?: Record<string, Media>;
  headers?: Record<string, unknown>;
}

interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  description?: string;
  schema: JsonSchema;
  example?: unknown;
}

interface Operation {
  operationId?: string;
  description?: string;
  parameters?: (Parameter | { $ref: string })[];
  requestBody?: { content: Record<string, Media> };
  responses: Record<string, Answer>;
  security?: unknown[];
  'x-permission'?: string;
  'x-problems'?: Record<string, ProblemCode[]>;
}

type Document = Record<string, unknown> & {
  paths: Record<string, Record<string, Operation>>;
  components: {
    parameters?: Record<string, unknown>;
    schemas?: Record<string, unknown>;
    headers?: Record<string, unknown>;
  };
};

/** The shapes that have a name. */
const SHAPES = new Map<string, unknown>([...Object.entries(contracts), ...Object.entries(accounts)]);

const REQUEST_ID = {
  description: 'Id of the request, as in the hub’s log: the caller’s own where it sent a sane one.',
  schema: { type: 'string', examples: ['5f0c7a1e-6b0e-4f65-8f0b-2f6f9d1c8a44'] },
};
const ETAG = {
  description: 'Send it back in If-None-Match: 304 when nothing has changed.',
  schema: { type: 'string', examples: ['W/"a8WZb2mXH8bFvJ3k0Yt1g8i1T0o"'] },
};
const LINK = {
  description: 'Address of the next page, rel="next"; absent on the last.',
  schema: { type: 'string', examples: ['</api/v1/tags?limit=100&cursor=WyJ0…>; rel="next"'] },
};
const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  in: 'header',
  description:
    'Any word of your own for this write: sent again with it, it is not done again but answered as before.',
  schema: { type: 'string', minLength: 1, maxLength: 200 },
  example: '7d0e3c1a-2f4b-4c0e-9a51-4b1f6d2e8c77',
};
const RETRY_AFTER = { description: 'Seconds to wait.', schema: { type: 'integer', examples: [2] } };

/** Only what a document has is turned into it: the rest stays as the routes say. */
export function finishDocument(made: unknown): never {
  const document = made as Document;
  for (const operations of Object.values(document.paths)) {
    for (const [method, operation] of Object.entries(operations)) finish(method, operation);
  }
  document.components.headers = {
    ...{ 'X-Request-Id': REQUEST_ID, ETag: ETAG, Link: LINK, 'Retry-After': RETRY_AFTER },
  };
  document.components.parameters = { IdempotencyKey: IDEMPOTENCY_KEY };
  nameShapes(document);
  return document as never;
}

function finish(method: string, operation: Operation): void {
  const { parameters = [], requestBody, responses } = operation;
  for (const parameter of parameters) {
    if ('$ref' in parameter) continue;
    parameter.example ??= parameter.schema.default ?? exampleOf(parameter.schema, parameter.name);
    if (parameter.in === 'query' && parameter.schema.default !== undefined) parameter.required = false;
  }
  if (!['get', 'head'].includes(method) && operation.security?.length !== 0) {
    operation.parameters = [...parameters, { $ref: '#/components/parameters/IdempotencyKey' }];
  }
  for (const media of Object.values(requestBody?.content ?? {})) {
    if (!media.schema) continue;
    media.example ??= exampleOf(media.schema);
    leaveOptional(media.schema);
  }
  const permission = operation['x-permission'];
  if (permission) {
    const words = `Needs the permission \`${permission}\`.`;
    operation.description = operation.description ? `${operation.description}\n\n${words}` : words;
  }
  const codes = operation['x-problems'] ?? {};
  delete operation['x-problems'];
  for (const [status, answer] of Object.entries(responses))
    finishAnswer(method, status, answer, codes[status] ?? [], operation.operationId);
  if (method === 'get' && responses['200']?.content) {
    responses['304'] = { description: 'What If-None-Match names is good still', headers: headersOf('get', '304') };
  }
}

/** What the hub fills in need not be sent; to the routes it is always there. */
function leaveOptional(body: JsonSchema): void {
  const { required, properties } = body as { required?: string[]; properties?: Record<string, JsonSchema> };
  const needed = required?.filter((name) => properties?.[name]?.default === undefined) ?? [];
  if (needed.length > 0) body.required = needed;
  else delete body.required;
}

function finishAnswer(method: string, status: string, answer: Answer, codes: ProblemCode[], operationId = ''): void {
  if (answer.description === 'Default Response') answer.description = status === '204' ? 'Done' : 'As asked';
  answer.headers = { ...answer.headers, ...headersOf(method, status, answer) };
  for (const [type, media] of Object.entries(answer.content ?? {})) {
    if (type !== 'application/problem+json') {
      if (media.schema && media.examples === undefined)
        media.example ??= exampleOfOperation(operationId) ?? exampleOf(media.schema);
      continue;
    }
    const shown = codes.length > 0 ? codes : codesOf(Number(status));
    media.examples = Object.fromEntries(shown.map((code) => [code, { value: problemExample(code) }]));
  }
}

function headersOf(method: string, status: string, answer?: Answer): Record<string, { $ref: string }> {
  const page = answer?.content?.['application/json']?.schema?.properties;
  const names = ['X-Request-Id'];
  if (method === 'get' && (status === '200' || status === '304')) names.push('ETag');
  if (page && 'items' in page && 'next' in page) names.push('Link');
  if (status === '429') names.push('Retry-After');
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}

function codesOf(status: number): ProblemCode[] {
  return (Object.keys(PROBLEMS) as ProblemCode[]).filter((code) => PROBLEMS[code].status === status);
}

function problemExample(code: ProblemCode): contracts.Problem {
  const { status, title, means } = PROBLEMS[code];
  const requestId = String(REQUEST_ID.schema.examples[0]);
  return { type: typeOf(code), title, status, code, detail: means, requestId };
}

/** Shapes of the contracts are said once and referred to by name, so that a generated client has names too. */
function nameShapes(document: Document): void {
  const names = new Map<string, string>();
  for (const [name, schema] of SHAPES) names.set(JSON.stringify(schema), name);
  const used = new Set<string>();
  const refer = (node: unknown, self?: string): unknown => {
    if (Array.isArray(node)) return node.map((each) => refer(each));
    if (typeof node !== 'object' || node === null) return node;
    const name = 'type' in node || 'anyOf' in node ? names.get(JSON.stringify(node)) : undefined;
    if (name !== undefined && name !== self) {
      used.add(name);
      return { $ref: `#/components/schemas/${name}` };
    }
    return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, refer(value)]));
  };
  document.paths = refer(document.paths) as Document['paths'];
  const schemas: Record<string, unknown> = {};
  // A shape brings others with it.
  for (const name of used) {
    schemas[name] = refer(JSON.parse(JSON.stringify(SHAPES.get(name))), name);
  }
  document.components.schemas = schemas;
}
