/**
 * How long a connection may be silent. While a client is to send or to take, a minute; while the hub is at work, as long
 * as that takes: a gateway may need two minutes to look at a device, and ten to take over a configuration. A connection
 * that was closed meanwhile would leave whoever asked without a word on what became of it.
 */
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/** Nothing takes longer: each waiting of the hub has a bound of its own, and a bound for all together is this. */
export const LONGEST_WORK_MS = 15 * 60_000;

/** @param idleMs that a connection may be silent for while the hub waits for its client */
export function addPatience(app: FastifyInstance, idleMs: number): void {
  // The body is here: from now on it is the hub that is waited for.
  app.addHook('preHandler', (request, _reply, done) => {
    // A socket that stays open asks its client itself whether it is there.
    if (request.headers.upgrade === undefined) allow(request.raw.socket, LONGEST_WORK_MS);
    done();
  });
  app.addHook('onSend', (request, _reply, payload, done) => {
    if (request.headers.upgrade === undefined) allow(request.raw.socket, idleMs);
    done(null, payload);
  });
}

/** A request that a test puts in without a network has no socket to speak of. */
function allow(socket: Partial<Socket>, ms: number): void {
  socket.setTimeout?.(ms);
}
