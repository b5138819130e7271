/**
 * A hub without a plant: it serves the built web app and the API of shared/contracts/api.ts from a small state in
 * memory that moves by itself. For the browser test, and to look at the page: `node test/services/mock-hub.ts 8090`.
 */
import { resolve } from 'node:path';
import cookie from '@fastify/cookie';
import staticFiles from '@fastify/static';
import websocket from '@fastify/websocket';
import type { SignInWays } from '@lineside/shared/contracts/accounts.ts';
import type { Problem, User } from '@lineside/shared/contracts/api.ts';
import type { LiveMessage, Subscribe } from '@lineside/shared/contracts/live.ts';
import { permissionsOf } from '@lineside/shared/contracts/permissions.ts';
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import type { WebSocket } from 'ws';
import { addSecurityHeaders } from '../../hub/api/plugins/security-headers.ts';
import { mockCompleteness } from './mock-completeness.ts';
import { MockPlant } from './mock-plant.ts';
import { MockWrites } from './mock-writes.ts';

const DIST = resolve(import.meta.dirname, '../../hub/web/dist');
const SESSION = 'mock-session';
const TICK_MS = 200;
const NO_EVENT = 'mock.0';

export const MOCK_LOGIN = { name: 'admin', password: 'lineside' };
const MOCK_USER: User = {
  name: MOCK_LOGIN.name,
  role: 'admin',
  permissions: [...permissionsOf('admin')],
  sites: null,
  signsInBy: 'password',
  mustChangePassword: false,
};
const OPEN = ['/api/v1/login', '/api/v1/sign-in'];

export class MockHub {
  readonly plant = new MockPlant();
  readonly writes = new MockWrites();
  private readonly dist: string;
  private app: FastifyInstance | null = null;
  private readonly clients = new Map<WebSocket, Set<number>>();
  private readonly sessions = new Set<string>();
  private timer: ReturnType<typeof setInterval> | undefined;
  private failures = 0;
  /** What /health says. */
  readonly health = { faults: [] as string[], notices: [] as string[] };
  /** How long an acknowledgement is "on its way to the gateway", milliseconds. */
  acknowledgeDelayMs = 1_500;
  port = 0;

  /** @param dist folder of the built web app */
  constructor(dist = DIST) {
    this.dist = dist;
  }

  /** Listens on 127.0.0.1; port 0 asks the system for a free one. After a stop it knows its sessions still. */
  async start(port = 0): Promise<string> {
    const app = Fastify();
    this.app = app;
    addSecurityHeaders(app, 0);
    await app.register(cookie);
    await app.register(websocket);
    await app.register(staticFiles, { root: this.dist });
    this.routes(app);
    const address = await app.listen({ host: '127.0.0.1', port });
    this.port = Number(new URL(address).port);
    this.timer = setInterval(() => this.tick(), TICK_MS);
    return address;
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    for (const client of this.clients.keys()) client.terminate();
    this.clients.clear();
    await this.app?.close();
    this.app = null;
  }

  /** Forgets all sessions and cuts their sockets, as after a restart with another key. */
  endSessions(): void {
    this.sessions.clear();
    this.cut();
  }

  /** Cuts every live socket without a word. */
  cut(): void {
    for (const client of this.clients.keys()) client.terminate();
  }

  send(message: LiveMessage): void {
    const text = JSON.stringify(message);
    for (const client of this.clients.keys()) client.send(text);
  }

  private tick(): void {
    const changes = this.plant.step(Date.now());
    for (const [client, tags] of this.clients) {
      const values = changes.values.filter(([tag]) => tags.has(tag));
      if (values.length > 0) client.send(JSON.stringify({ type: 'values', values } satisfies LiveMessage));
    }
    for (const message of changes.messages) this.send(message);
  }

  private routes(app: FastifyInstance): void {
    const { plant } = this;
    app.addHook('onRequest', async (request, reply) => {
      const open = !request.url.startsWith('/api/') || OPEN.includes(request.url);
      if (open || this.sessions.has(request.cookies[SESSION] ?? '')) return;
      await problem(reply, 401, 'auth.required', 'Sign in first.');
    });
    app.post('/api/v1/login', async (request, reply) => {
      const { name, password } = request.body as typeof MOCK_LOGIN;
      if (this.failures >= 5) {
        reply.header('retry-after', '30');
        return problem(reply, 429, 'auth.too-many-attempts', 'Too many attempts. Try again in 30 s.');
      }
      if (name !== MOCK_LOGIN.name || password !== MOCK_LOGIN.password) {
        this.failures += 1;
        return problem(reply, 401, 'auth.wrong-password', 'Name or password is wrong.');
      }
      this.failures = 0;
      const token = crypto.randomUUID();
      this.sessions.add(token);
      reply.setCookie(SESSION, token, { httpOnly: true, sameSite: 'strict', path: '/' });
      return MOCK_USER;
    });
    app.post('/api/v1/logout', async (request, reply) => {
      this.sessions.delete(request.cookies[SESSION] ?? '');
      return reply.clearCookie(SESSION, { path: '/' }).code(204).send();
    });
    app.get('/health', async () => this.health);
    app.get('/api/v1/me', async () => MOCK_USER);
    app.get('/api/v1/sign-in', async (): Promise<SignInWays> => ({ minPasswordLength: 12, provider: null }));
    app.get('/api/v1/overview', async () => plant.overview(Date.now()));
    app.get('/api/v1/tags', async (request) => {
      const { machine, writable } = request.query as { machine?: string; writable?: string };
      const tags = writable === undefined ? plant.tagsOf(machine ?? '') : this.writes.tags;
      const of = machine ?? 'acme/hamburg/packaging/line-1/packer';
      return pageOf(tags.map((tag) => ({ ...tag, description: '', machine: of })));
    });
    app.get('/api/v1/tags/:id/history', async (request) => {
      const { id } = request.params as { id: string };
      const { from, to, points } = request.query as Record<string, string>;
      return plant.history(Number(id), Number(from), Number(to), Number(points));
    });
    app.get('/api/v1/writes', async () => ({ items: this.writes.log, next: null }));
    app.post('/api/v1/tags/:id/write', async (request, reply) => {
      const { id } = request.params as { id: string };
      const { value, comment = '' } = request.body as { value: number | boolean | string; comment?: string };
      const answer = this.writes.write(Number(id), value, comment, MOCK_LOGIN.name, Date.now());
      if ('code' in answer) return reply.code(answer.status).type('application/problem+json').send(answer);
      if (answer.ok) this.send({ type: 'values', values: [[Number(id), answer.at, answer.new, 0]] });
      return answer;
    });
    app.get('/api/v1/equipment/proposals', async () => pageOf(plant.proposals()));
    app.get('/api/v1/completeness', async (request) =>
      pageOf(mockCompleteness((request.query as { day: string }).day, Date.now())),
    );
    app.get('/api/v1/alarms', async (request) => {
      const { limit = '100', cursor } = request.query as Record<string, string | undefined>;
      const before = cursor === undefined ? Number.POSITIVE_INFINITY : Number(cursor);
      const items = plant.alarmHistory(Number(limit), before);
      return { items, next: items.length < Number(limit) ? null : String(items.at(-1)!.raisedAt) };
    });
    app.post('/api/v1/alarms/:occurrence/acknowledge', async (request, reply) => {
      const { occurrence } = request.params as { occurrence: string };
      const { comment = '' } = (request.body ?? {}) as { comment?: string };
      const pending = plant.acknowledge(occurrence);
      if (!pending) return problem(reply, 404, 'alarm.not-found', 'There is no such alarm.');
      this.send({ type: 'alarm', event: NO_EVENT, at: Date.now(), alarm: pending });
      setTimeout(() => {
        const alarm = plant.acknowledged(occurrence, MOCK_LOGIN.name, comment, Date.now());
        this.send({ type: 'alarm', event: NO_EVENT, at: Date.now(), alarm });
      }, this.acknowledgeDelayMs).unref();
      return pending;
    });
    app.register(async (scope) => {
      scope.get('/api/v1/live', { websocket: true }, (socket) => {
        this.clients.set(socket, new Set());
        const say = (message: LiveMessage) => socket.send(JSON.stringify(message));
        const { enterprise, serverTime, ...picture } = plant.overview(Date.now());
        say({ type: 'hello', serverTime, user: MOCK_LOGIN.name, enterprise, sites: null, event: NO_EVENT });
        socket.on('message', (data: Buffer) => {
          const { id, kinds, tags } = JSON.parse(data.toString()) as Subscribe;
          if (kinds.includes('values')) this.clients.set(socket, new Set(tags));
          else say({ type: 'snapshot', id, event: NO_EVENT, serverTime: Date.now(), ...picture });
        });
        socket.on('close', () => this.clients.delete(socket));
      });
    });
  }
}

function pageOf<T>(items: T[]) {
  return { items, next: null };
}

function problem(reply: FastifyReply, status: number, code: string, detail: string): FastifyReply {
  const body: Problem = { type: 'about:blank', title: detail, status, code, detail };
  return reply.code(status).type('application/problem+json').send(body);
}

if (import.meta.main) {
  const hub = new MockHub();
  console.warn(`mock hub on ${await hub.start(Number(process.argv[2] ?? 8090))}`);
}
