/** Headers that keep other code out of the pages. */
import type { FastifyInstance } from 'fastify';
import helmet, { type HelmetOptions } from 'helmet';

const DAY_S = 86_400;

/**
 * TLS may end at a proxy, which then says that it always will (RFC 6797, HSTS).
 *
 * @param hstsDays for so long browsers come by TLS only; 0: they are not told so
 */
export function addSecurityHeaders(app: FastifyInstance, hstsDays: number): void {
  const headers = headersOf({
    contentSecurityPolicy: { directives: OWN_PAGES },
    // Other names below this one are other people's.
    strictTransportSecurity: hstsDays > 0 && { maxAge: hstsDays * DAY_S, includeSubDomains: false },
  });
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers(headers);
    done();
  });
}

/** They are the same for all answers: asked for at each, they took a twentieth of the API's time. */
function headersOf(options: HelmetOptions): Record<string, string> {
  const headers: Record<string, string> = {};
  const answer = {
    setHeader: (name: string, value: string) => {
      headers[name.toLowerCase()] = value;
    },
    removeHeader: () => undefined,
  };
  helmet(options)({} as never, answer as never, (error) => {
    if (error) throw error;
  });
  return headers;
}

/** The web app's own files and its socket, and nothing else; its component library needs style attributes. */
const OWN_PAGES = {
  defaultSrc: ["'none'"],
  scriptSrc: ["'self'"],
  styleSrc: ["'self'", "'unsafe-inline'"],
  imgSrc: ["'self'", 'data:'],
  fontSrc: ["'self'"],
  connectSrc: ["'self'"],
  manifestSrc: ["'self'"],
  baseUri: ["'none'"],
  formAction: ["'self'"],
  frameAncestors: ["'none'"],
  upgradeInsecureRequests: null,
};
