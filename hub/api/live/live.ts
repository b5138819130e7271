/** The live socket /api/v1/live: who may come in, for how long, and that it is heard of. */
import websocket from '@fastify/websocket';
import { LiveClose } from '@lineside/shared/contracts/live.ts';
import type { FastifyInstance } from 'fastify';
import type { ApiServices } from '../services.ts';
import { LiveServer } from './live-server.ts';
import { viewerOf } from './viewer.ts';
import { watchStay } from './watch-stay.ts';

const MAX_CLIENTS = 2_000;
/** The largest subscription: 2,000 tags, or 64 patterns. Bytes. */
const MAX_MESSAGE_BYTES = 64 * 1024;
const TIME_MS = 5_000;
/** A client that does not answer is gone: its end of the line may have lost power. Asked so often; milliseconds. */
const PING_MS = 30_000;
/** When the hub stops, a client has so long to say goodbye. */
const STOP_MS = 1_000;

export async function addLive(app: FastifyInstance, services: ApiServices): Promise<LiveServer> {
  const live = new LiveServer(services);
  const timers = [setInterval(() => live.sayTime(), TIME_MS)];
  // Before the plugin's own hook, which would end the sockets without a word and wait for those that do not answer.
  app.addHook('preClose', async () => {
    for (const timer of timers) clearInterval(timer);
    live.stop();
    for (const client of live.clients) client.close(LiveClose.stopping, 'the hub is stopping');
    setTimeout(() => {
      for (const client of live.clients) client.drop();
    }, STOP_MS).unref();
  });
  // A socket that asked for an upgrade belongs to no server any more: refused, it would stay open for ever.
  app.addHook('onResponse', async ({ raw }) => {
    if (raw.headers.upgrade !== undefined) raw.socket.destroySoon();
  });
  await app.register(websocket, { options: { maxPayload: MAX_MESSAGE_BYTES, perMessageDeflate: false } });

  const options = { websocket: true, config: { permission: 'plant.read' }, schema: { hide: true } } as const;
  app.get('/api/v1/live', options, (socket, request) => {
    if (live.figures.clients >= MAX_CLIENTS) {
      socket.close(LiveClose.tooMany, 'too many clients');
      return;
    }
    const viewer = viewerOf(request);
    const client = live.enter(socket, viewer);
    const leaveAlone = watchStay(viewer, services, () =>
      client.close(LiveClose.signedOut, 'the session, token or key is over, or its rights have changed'),
    );
    const ping = setInterval(() => {
      if (client.alive) {
        client.alive = false;
        socket.ping();
      } else client.drop();
    }, PING_MS);
    socket.on('pong', () => {
      client.alive = true;
    });
    socket.on('message', (data) => {
      client.alive = true;
      live.receive(client, String(data));
    });
    socket.on('error', (error) => request.log.debug({ error: error.message }, 'live socket failed'));
    socket.on('close', () => {
      leaveAlone();
      clearInterval(ping);
      live.leave(client);
    });
  });
  return live;
}
