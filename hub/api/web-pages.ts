/** The built web app, and an answer for whatever is not there. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';
import { sendProblem } from './plugins/problems.ts';

/** Folder of the built web app; ReDoc's program is in it too. */
export const WEB_DIR = fileURLToPath(new URL('../web/dist/', import.meta.url));

export async function addWebPages(app: FastifyInstance): Promise<void> {
  const built = existsSync(`${WEB_DIR}index.html`);
  if (built) {
    await app.register(fastifyStatic, { root: WEB_DIR, index: ['index.html'], maxAge: '1h', immutable: false });
  }
  app.setNotFoundHandler((request, reply) => {
    if (request.method === 'GET' && request.url === '/' && !built) {
      return sendProblem(reply, 'NOT_FOUND', 'the web app is not built: run npm run build -w hub/web');
    }
    return sendProblem(reply, 'NOT_FOUND', `there is nothing at ${request.method} ${request.url.split('?')[0]}`);
  });
}
