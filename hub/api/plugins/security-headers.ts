/** Headers that keep other code out of the pages. */
import helmet from '@fastify/helmet';
import type { FastifyInstance } from 'fastify';

/** TLS may end at a proxy, which then says that it always will (HSTS). */
export async function addSecurityHeaders(app: FastifyInstance): Promise<void> {
  await app.register(helmet, {
    contentSecurityPolicy: { directives: OWN_PAGES },
    strictTransportSecurity: false,
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
