/** The API's documentation for people: Swagger UI, ReDoc and the list of problems. All of it comes from here. */
import { existsSync, readFileSync } from 'node:fs';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { PROBLEMS, type ProblemCode, problemOf } from '../problem-list.ts';
import { WEB_DIR } from '../web-pages.ts';

/** Both write styles into the page; ReDoc searches in a worker that it makes of itself. Nothing is fetched elsewhere. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  'worker-src blob:',
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

const REDOC = `${WEB_DIR}redoc.standalone.js`;

export async function addDocumentationPages(app: FastifyInstance): Promise<void> {
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: POLICY,
    // Its badge would ask a server on the internet.
    uiConfig: { validatorUrl: null, docExpansion: 'none', displayRequestDuration: true, filter: true },
  });
  const open = { config: { open: true as const }, schema: { hide: true } };
  app.get('/redoc', open, (_request, reply) => page(reply, 'Lineside API', redocBody()));
  app.get('/docs/problems', open, (_request, reply) => page(reply, 'Problems', problemsBody()));
  app.get<{ Params: { code: string } }>('/docs/problems/:code', open, (request, reply) => {
    const { code } = request.params;
    if (!problemOf(code)) return reply.callNotFound();
    return page(reply, code, `<p><a href="/docs/problems">All problems</a></p>${problemBody(code as ProblemCode)}`);
  });
  if (existsSync(REDOC)) {
    const program = readFileSync(REDOC);
    app.get('/redoc/redoc.standalone.js', open, (_request, reply) =>
      reply.type('text/javascript; charset=utf-8').header('cache-control', 'public, max-age=3600').send(program),
    );
  }
}

function redocBody(): string {
  if (!existsSync(REDOC)) return '<p>ReDoc comes with the web app, which is not built: npm run build -w hub/web</p>';
  return '<redoc spec-url="/api/openapi.json" hide-hostname></redoc><script src="/redoc/redoc.standalone.js"></script>';
}

function problemsBody(): string {
  const codes = Object.keys(PROBLEMS) as ProblemCode[];
  return [
    '<h1>Problems</h1>',
    '<p>What the API answers when it cannot do as asked (application/problem+json). A code never changes its meaning.</p>',
    ...codes.map(problemBody),
  ].join('');
}

/** The list is our own and holds no markup, but quotes. */
function problemBody(code: ProblemCode): string {
  const { status, title, means } = PROBLEMS[code];
  return `<section id="${code}"><h2><code>${code}</code></h2><p><b>${status} ${title}</b></p><p>${means}</p></section>`;
}

function page(reply: FastifyReply, title: string, body: string): FastifyReply {
  void reply.type('text/html; charset=utf-8').header('content-security-policy', POLICY);
  return reply.send(
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title>` +
      '<meta name="viewport" content="width=device-width"><link rel="icon" href="/favicon.svg">' +
      '<style>body{margin:0;font-family:system-ui,sans-serif}h1,h2,p{margin:1rem}</style>' +
      `</head><body>${body}</body></html>`,
  );
}
