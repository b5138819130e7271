/**
 * What a client has may be good still: every answer to a question carries a weak entity tag, and whoever sends it back
 * gets 304 without the body (RFC 9110, 8.8.3 and 13.1.2). Weak, for the same answer goes out compressed or not.
 */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';

export function addCaching(app: FastifyInstance): void {
  app.addHook('onSend', async (request, reply, payload) => {
    const asked = request.method === 'GET' || request.method === 'HEAD';
    const api = request.url.startsWith('/api/') || !asked;
    if (api && !reply.hasHeader('cache-control')) {
      // Kept by the client alone, and asked about each time: rights and values change. What a write answers, such as a
      // password that is told once, is kept by nobody.
      void reply.header('cache-control', asked && reply.statusCode === 200 ? 'private, no-cache' : 'no-store');
    }
    if (!asked || reply.statusCode !== 200) return payload;
    const head = request.method === 'HEAD';
    if (!reply.hasHeader('etag')) {
      if (head && payload instanceof Readable) return untaken(payload);
      if (typeof payload !== 'string' && !Buffer.isBuffer(payload)) return payload;
      void reply.header('etag', entityTag(payload));
    }
    if (!matches(request.headers['if-none-match'], String(reply.getHeader('etag')))) return payload;
    void reply.code(304).removeHeader('content-type').removeHeader('content-length');
    // The framework measures the body of a HEAD, and leaves it out by itself.
    return head ? payload : null;
  });
}

/** Nobody hears it, so nothing is read for it: the framework would read it to its end. */
function untaken(stream: Readable): Readable {
  stream.destroy();
  return Readable.from([]);
}

/** Of what is sent. */
export function entityTag(body: string | Buffer): string {
  return `W/"${createHash('sha1').update(body).digest('base64url')}"`;
}

/** The weak comparison, which is the one for If-None-Match. */
function matches(given: string | undefined, tag: string): boolean {
  if (given === undefined) return false;
  const bare = opaque(tag);
  return given.split(',').some((one) => one.trim() === '*' || opaque(one.trim()) === bare);
}

function opaque(tag: string): string {
  return tag.startsWith('W/') ? tag.slice(2) : tag;
}
