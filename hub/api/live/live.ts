/** The live socket /api/v1/live: the whole picture first, then what changes. */
import websocket from '@fastify/websocket';
import type { LiveMessage } from '@lineside/shared/contracts/api.ts';
import type { FastifyInstance } from 'fastify';
import { type ApiServices, overviewOf } from '../services.ts';
import { LiveClient } from './live-client.ts';

const MAX_CLIENTS = 2_000;
const TIME_MS = 5_000;
/** When the hub stops, a client has so long to say goodbye. */
const STOP_MS = 1_000;
/** A session that ends while its socket is open is noticed after so long at most. */
const SESSION_CHECK_MS = 60_000;

export async function addLive(
  app: FastifyInstance,
  services: ApiServices,
): Promise<{ send(message: LiveMessage): void }> {
  const clients = new Set<LiveClient>();
  // Before the plugin's own hook, which would end the sockets without a word and wait for those that do not answer.
  app.addHook('preClose', async () => {
    clearInterval(clock);
    for (const client of clients) client.close('the hub is stopping');
    setTimeout(() => {
      for (const client of clients) client.drop();
    }, STOP_MS).unref();
  });
  // A socket that asked for an upgrade belongs to no server any more: refused, it would stay open for ever.
  app.addHook('onResponse', async ({ raw }) => {
    if (raw.headers.upgrade !== undefined) raw.socket.destroySoon();
  });
  await app.register(websocket, { options: { maxPayload: 64 * 1024 } });
  const { board } = services;
  const send = (message: LiveMessage) => {
    for (const client of clients) client.send(message);
  };
  board.on('values', (values) => {
    for (const client of clients) client.values(values);
  });
  board.on('machine', (machine) => send({ type: 'machine', machine }));
  board.on('gateway', (gateway) => send({ type: 'gateway', gateway }));
  board.on('alarm', (alarm) => send({ type: 'alarm', alarm }));
  const clock = setInterval(() => send({ type: 'time', serverTime: services.now() }), TIME_MS);

  const options = { websocket: true, config: { permission: 'plant.read' }, schema: { hide: true } } as const;
  app.get('/api/v1/live', options, (socket, request) => {
    const identity = request.identity!;
    // What is sent to all is not sent by site.
    if (identity.sites !== null) {
      socket.close(1008, 'the live socket is for those who see the whole plant');
      return;
    }
    if (clients.size >= MAX_CLIENTS) {
      socket.close(1013, 'too many clients');
      return;
    }
    const client = new LiveClient(socket, board);
    clients.add(client);
    const check = setInterval(() => {
      request.identify().then(
        (user) => {
          if (!user) socket.close(1008, 'session ended');
        },
        () => undefined,
      );
    }, SESSION_CHECK_MS);
    socket.on('message', (data) => client.receive(String(data)));
    socket.on('error', (error) => request.log.debug({ error: error.message }, 'live socket failed'));
    socket.on('close', () => {
      clearInterval(check);
      clients.delete(client);
      client.ended();
    });
    client.send({ type: 'overview', overview: overviewOf(services, identity) });
  });
  return { send };
}
