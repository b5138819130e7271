/** Headers that keep other code out of the pages. */
import helmet from '@fastify/helmet';
import type { FastifyInstance } from 'fastify';

const DAY_S = 86_400;

/**
 * TLS may end at a proxy, which then says that it always will (RFC 6797, HSTS).
 *
 * @param hstsDays for so long browsers come by TLS only; 0: they are not told so
 */
export async function addSecurityHeaders(app: FastifyInstance, hstsDays: number): Promise<void> {
  await app.register(helmet, {
    contentSecurityPolicy: { directives: OWN_PAGES },
    // Other names below this one are other people's.
    strictTransportSecurity: hstsDays > 0 && { maxAge: hstsDays * DAY_S, includeSubDomains: false },
  });
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
