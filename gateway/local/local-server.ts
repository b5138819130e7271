/**
 * The gateway's own page: what a technician needs who stands at the machine while the network is down. No login,
 * so it listens on the loopback address unless told otherwise, and it refuses requests that another site's page
 * makes in the technician's browser.
 */
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import type { AlarmEvent } from '@lineside/shared/contracts/alarm.ts';
import type { GatewayStatus } from '@lineside/shared/contracts/link.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { certificateRoutes, type LocalCertificates } from './certificate-routes.ts';
import type { LocalConfig } from './config.ts';

/** A value on the local page. */
interface LocalValue {
  device: string;
  name: string;
  unit: string;
  sourceAt: number | null;
  value: number | boolean | string | null;
  quality: number;
  qualityName: string;
}

/** What came of reading the configuration again. */
interface LocalReload {
  at: number;
  by: string;
  result: 'applied' | 'unchanged' | 'refused' | 'rolledBack';
  problems: string[];
  changes: { added: string[]; changed: string[]; removed: string[] };
  needsRestart: string[];
}

/** All that the page shows; made anew for each request. */
export interface LocalPicture {
  status: GatewayStatus;
  link: { connected: boolean; since: number; reason: string };
  buffer: { durableSamples: number; droppedSamples: number; damagedPlaces: number; fault: string };
  /** The last attempt to take over a changed configuration; null before the first. */
  reload: LocalReload | null;
  models: object[];
  alarms: object[];
  recent: AlarmEvent[];
  values: LocalValue[];
}

export interface LocalServerOptions {
  config: LocalConfig;
  log: Logger;
  picture(): LocalPicture;
  /** Rejects with a LinesideError when there is nothing to acknowledge. */
  acknowledge(occurrence: string, by: string, comment: string): Promise<void>;
  /** The gateway's figures for a monitoring system. */
  metrics?(): { type: string; text: string };
  /** Absent when no device shows a certificate. */
  certificates?: LocalCertificates;
}

const FILES = [
  { path: '/', file: 'page.html', type: 'text/html; charset=utf-8' },
  { path: '/page.css', file: 'page.css', type: 'text/css; charset=utf-8' },
  { path: '/dom.js', file: 'dom.js', type: 'text/javascript; charset=utf-8' },
  { path: '/page.js', file: 'page.js', type: 'text/javascript; charset=utf-8' },
  { path: '/certificates.js', file: 'certificates.js', type: 'text/javascript; charset=utf-8' },
];

const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export class LocalServer {
  readonly #options: LocalServerOptions;
  #server: FastifyInstance | undefined;

  constructor(options: LocalServerOptions) {
    this.#options = options;
  }

  /** The address to open; empty before start. */
  get url(): string {
    const address = this.#server?.server.address() as AddressInfo | null | undefined;
    if (!address) return '';
    const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
    return `http://${host}:${address.port}`;
  }

  /** @throws LinesideError PORT_TAKEN, PORT_UNUSABLE. */
  async start(): Promise<void> {
    const { config } = this.#options;
    const server = Fastify({ bodyLimit: 16 * 1024, forceCloseConnections: true });
    this.#server = server;
    server.addHook('onRequest', async (request, reply) => {
      void reply.header('content-security-policy', CSP).header('x-content-type-options', 'nosniff');
      void reply.header('cache-control', 'no-store').header('referrer-policy', 'no-referrer');
      if (!this.#ownHost(request))
        return reply.code(403).send({ error: 'this page is only served under its own address' });
      return undefined;
    });
    for (const { path, file, type } of FILES) {
      const content = readFileSync(new URL(`./page/${file}`, import.meta.url));
      server.get(path, (_request, reply) => reply.type(type).send(content));
    }
    server.get('/api/status', () => this.#options.picture());
    this.#metricsRoute(server);
    this.#acknowledgeRoute(server);
    if (this.#options.certificates) certificateRoutes(server, this.#options.certificates);
    try {
      await server.listen({ host: config.host, port: config.port });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') {
        const words = `port ${config.port} on ${config.host} is taken by another program; set local.port in the gateway's configuration`;
        throw new LinesideError('PORT_TAKEN', 'config', words, { cause: error });
      }
      const words = `the local page cannot listen on ${config.host}, port ${config.port}; set local.host and local.port in the gateway's configuration`;
      throw new LinesideError('PORT_UNUSABLE', 'config', words, { cause: error });
    }
  }

  async stop(): Promise<void> {
    await this.#server?.close();
    this.#server = undefined;
  }

  #metricsRoute(server: FastifyInstance): void {
    const { metrics } = this.#options;
    if (!metrics) return;
    server.get('/metrics', (_request, reply) => {
      const { type, text } = metrics();
      return reply.type(type).send(text);
    });
  }

  #acknowledgeRoute(server: FastifyInstance): void {
    server.post<{ Params: { occurrence: string }; Body: { by: string; comment: string } }>(
      '/api/alarms/:occurrence/acknowledge',
      {
        schema: {
          body: {
            type: 'object',
            additionalProperties: false,
            required: ['by'],
            properties: {
              by: { type: 'string', minLength: 1, maxLength: 64 },
              comment: { type: 'string', maxLength: 500, default: '' },
            },
          },
        },
      },
      async (request, reply) => {
        const { by, comment } = request.body;
        try {
          await this.#options.acknowledge(request.params.occurrence, `${by} (at the machine)`, comment);
          return { acknowledged: true };
        } catch (error) {
          if (!(error instanceof LinesideError)) throw error;
          return reply.code(409).send({ error: messageOf(error) });
        }
      },
    );
  }

  /** A name that another site points at this address (DNS rebinding), or another origin, is not our own page. */
  #ownHost(request: FastifyRequest): boolean {
    const host = request.headers.host ?? '';
    const origin = request.headers.origin;
    if (origin !== undefined && origin !== `http://${host}`) return false;
    const name = host.replace(/:\d+$/, '');
    if (/^(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-f:]+\]|localhost)$/i.test(name)) return true;
    const { host: own, names = [] } = this.#options.config;
    return [own, ...names].some((known) => known.toLowerCase() === name.toLowerCase());
  }
}
