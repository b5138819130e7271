/**
 * Pictures of the present that many look at are made once: whoever asks the same question with the same rights within a moment
 * gets the same bytes, with their entity tag. Whether somebody may ask is decided for each request before. An alarm, a
 * job, a gateway, a machine's state or a new tag makes all of them anew at once; values and figures in them are
 * as old as the moment at most.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { AndonBoard } from '../../andon/board.ts';
import { entityTag } from './caching.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The answer is made of the board alone, and says the same to all who see the same sites. */
    picture?: true;
  }
}

/** As often as the board looks for what has changed. Milliseconds. */
const LIFE_MS = 500;
/** What the board tells of that makes all pictures anew. */
const CHANGES = ['machine', 'gateway', 'alarm', 'job'] as const;
const MOST_PICTURES = 500;
const MOST_BYTES = 16 * 1024 * 1024;
/** More characters of a question are nothing that many ask. */
const MOST_QUESTION = 500;

interface Picture {
  body: Buffer;
  headers: Record<string, string>;
  at: number;
}

export function addPictures(app: FastifyInstance, { board, now }: { board: AndonBoard; now(): number }): void {
  const pictures = new Map<string, Picture>();
  let bytes = 0;
  const forget = (key: string) => {
    const picture = pictures.get(key);
    if (picture && pictures.delete(key)) bytes -= picture.body.length;
  };
  const forgetAll = () => {
    pictures.clear();
    bytes = 0;
  };
  for (const name of CHANGES) board.on(name, forgetAll);
  board.catalog.on('added', forgetAll);
  app.addHook('onClose', async () => {
    for (const name of CHANGES) board.off(name, forgetAll);
    board.catalog.off('added', forgetAll);
  });

  app.addHook('onRequest', async (request, reply) => {
    const key = keyOf(request);
    const picture = key === undefined ? undefined : pictures.get(key);
    // A clock that was put back must not keep a picture for hours.
    if (!picture || Math.abs(now() - picture.at) >= LIFE_MS) return;
    return reply.headers(picture.headers).send(picture.body);
  });

  app.addHook('onSend', async (request, reply, payload) => {
    const key = reply.statusCode === 200 && typeof payload === 'string' ? keyOf(request) : undefined;
    if (key === undefined) return payload;
    const body = Buffer.from(payload as string);
    const headers: Picture['headers'] = {
      'content-type': String(reply.getHeader('content-type')),
      etag: entityTag(body),
    };
    const link = reply.getHeader('link');
    if (link !== undefined) headers.link = String(link);
    void reply.header('etag', headers.etag).header('content-length', body.length);
    forget(key);
    pictures.set(key, { body, headers, at: now() });
    bytes += body.length;
    for (const oldest of pictures.keys()) {
      if (pictures.size <= MOST_PICTURES && bytes <= MOST_BYTES) break;
      forget(oldest);
    }
    return body;
  });
}

/** The question, and what whoever asks may see; undefined for what is no picture. */
function keyOf({ method, url, routeOptions, identity }: FastifyRequest): string | undefined {
  if (method !== 'GET' || !routeOptions.config.picture || !identity || url.length > MOST_QUESTION) return undefined;
  return JSON.stringify([url, identity.sites]);
}
