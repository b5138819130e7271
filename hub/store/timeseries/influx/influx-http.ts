/**
 * Requests to InfluxDB as 1.x, 2.x and 3.x all understand them: `/write` with line protocol and `/query` with InfluxQL.
 *
 * The transport of @influxdata/influxdb-client is used without its WriteApi: that one drops what was refused, and
 * leaves a request that was not answered in time on its connection, so that the next one waits behind it.
 */
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { HttpError, InfluxDB } from '@influxdata/influxdb-client';
import { tlsOptions, tlsReason } from '@lineside/shared/config/tls-client.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { authorizationOf, type InfluxConfig } from './config.ts';

/** Connections at a time: two that write, the others for queries. */
const MAX_SOCKETS = 6;
const MAX_QUERIES_WAITING = 1_000;
const GZIP_FROM_BYTES = 1_000;

/** Rows of one series of a statement. */
export interface Series {
  tags: Record<string, string>;
  columns: string[];
  values: unknown[][];
}

export class InfluxHttp {
  readonly #config: InfluxConfig;
  readonly #influx: InfluxDB;
  readonly #agent: HttpAgent;
  readonly #gzip: boolean;
  #queries = 0;

  constructor(config: InfluxConfig, resolvePath: (path: string) => string) {
    this.#config = config;
    const url = new URL(config.url);
    const secure = url.protocol === 'https:';
    const authorization = authorizationOf(config, resolvePath);
    const sockets = { keepAlive: true, maxSockets: MAX_SOCKETS };
    this.#agent = secure
      ? new HttpsAgent({ ...sockets, ...tlsOptions(config.tls ?? {}, url.hostname, resolvePath) })
      : new HttpAgent(sockets);
    this.#gzip = config.gzip ?? !isLocal(url.hostname);
    this.#influx = new InfluxDB({
      url: config.url.replace(/\/$/, ''),
      // The answer's deadline is the signal of each request, which also ends it.
      timeout: 0,
      ...(authorization ? { headers: { Authorization: authorization } } : {}),
      transportOptions: { agent: this.#agent },
    });
  }

  /** Where it is, for messages. */
  get place(): string {
    return `InfluxDB at ${this.#config.url}, database "${this.#config.database}"`;
  }

  get database(): string {
    return this.#config.database;
  }

  close(): void {
    this.#agent.destroy();
  }

  /** Asks whether the server is there. @returns its version as it says it */
  async ping(): Promise<string> {
    let version = '';
    const signal = AbortSignal.timeout(Math.min(this.#config.timeoutMs, 5_000));
    await this.#asked(() =>
      this.#influx.transport.request('/ping', '', { method: 'GET', signal }, (headers) => {
        version = String(headers['x-influxdb-version'] ?? '');
      }),
    );
    return version;
  }

  /**
   * Writes lines of line protocol with times in nanoseconds. Resolves when the server has said that it keeps them.
   *
   * @throws LinesideError STORE_UNREACHABLE, STORE_REFUSED; it is not known whether some were kept
   */
  async write(lines: string): Promise<void> {
    const path = `/write?db=${encodeURIComponent(this.#config.database)}&precision=n`;
    const signal = AbortSignal.timeout(this.#config.timeoutMs);
    const options = {
      method: 'POST',
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      signal,
      ...(this.#gzip ? { gzipThreshold: GZIP_FROM_BYTES } : {}),
    };
    await this.#asked(
      () =>
        new Promise<void>((resolve, reject) => {
          let status: number | undefined;
          this.#influx.transport.send(path, lines, options, {
            responseStarted: (_headers, code) => {
              status = code;
            },
            error: reject,
            complete: () =>
              status === 204 || status === 200
                ? resolve()
                : reject(new Error(`it answered ${status} where 204 was expected`)),
          });
        }),
    );
  }

  /**
   * Runs statements and hands over their rows as they come. A statement without rows calls nothing.
   *
   * @param params bound as $name
   * @throws LinesideError STORE_UNREACHABLE, STORE_REFUSED, STORE_BUSY
   */
  async query(
    q: string,
    params: Record<string, string | number>,
    take: (statement: number, series: Series) => void,
  ): Promise<void> {
    if (this.#queries >= MAX_QUERIES_WAITING) {
      throw new LinesideError(
        'STORE_BUSY',
        'outside',
        `${MAX_QUERIES_WAITING} queries already wait for ${this.place}.`,
      );
    }
    this.#queries++;
    try {
      const form = { db: this.#config.database, q, params: JSON.stringify(params), epoch: 'ms', chunked: 'true' };
      await this.#asked(() => this.#stream(new URLSearchParams(form).toString(), take));
    } finally {
      this.#queries--;
    }
  }

  /** As `query`, with times as RFC 3339 text, which has the nanoseconds that a number cannot hold. */
  async queryExact(q: string, take: (statement: number, series: Series) => void): Promise<void> {
    const form = { db: this.#config.database, q, chunked: 'true' };
    await this.#asked(() => this.#stream(new URLSearchParams(form).toString(), take));
  }

  async #stream(body: string, take: (statement: number, series: Series) => void): Promise<void> {
    const answer = this.#influx.transport.iterate('/query', body, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
      signal: AbortSignal.timeout(this.#config.timeoutMs),
    });
    let pending: Uint8Array[] = [];
    for await (const chunk of answer) {
      let from = 0;
      for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, from)) {
        pending.push(chunk.subarray(from, end));
        readDocument(Buffer.concat(pending).toString('utf8'), take);
        pending = [];
        from = end + 1;
      }
      if (from < chunk.length) pending.push(chunk.subarray(from));
    }
    if (pending.length > 0) readDocument(Buffer.concat(pending).toString('utf8'), take);
  }

  async #asked<T>(request: () => Promise<T>): Promise<T> {
    try {
      return await request();
    } catch (error) {
      throw this.#explain(error);
    }
  }

  #explain(error: unknown): unknown {
    if (error instanceof LinesideError) return error;
    const { place } = this;
    if (error instanceof QueryRefused) return refused(`${place} refuses a query: ${error.message}.`, error);
    if (error instanceof HttpError) {
      const said = saidBy(error);
      const { statusCode } = error;
      if (statusCode === 401 || statusCode === 403) {
        const words = `${place} does not let the hub in (${statusCode}: ${said}). Check its account and password or token.`;
        return new LinesideError('STORE_ACCESS', 'config', words, { cause: error });
      }
      if (statusCode === 404) {
        return new LinesideError('STORE_NO_DATABASE', 'config', `${place} is not there: ${said}.`, { cause: error });
      }
      if (statusCode >= 500 || statusCode === 429 || statusCode === 408) {
        const words = `${place} cannot do its work (${statusCode}: ${said}).`;
        return new LinesideError('STORE_UNREACHABLE', 'outside', words, { cause: error });
      }
      return refused(`${place} refuses what it was sent (${statusCode}: ${said}).`, error);
    }
    const failure = error as Error & { code?: unknown };
    const why =
      tlsReason(failure) ??
      (failure.name === 'AbortError' || failure.name === 'TimeoutError'
        ? `it did not answer within ${this.#config.timeoutMs / 1000} s`
        : messageOf(error));
    return new LinesideError('STORE_UNREACHABLE', 'outside', `${place} cannot be reached: ${why}.`, { cause: error });
  }
}

/** An error that came within an answer. */
class QueryRefused extends Error {}

interface Document {
  error?: string;
  results?: {
    statement_id?: number;
    error?: string;
    series?: { tags?: Record<string, string>; columns: string[]; values?: unknown[][] }[];
  }[];
}

function readDocument(text: string, take: (statement: number, series: Series) => void): void {
  if (text.trim() === '') return;
  const { error, results = [] } = JSON.parse(text) as Document;
  if (error !== undefined) throw new QueryRefused(error);
  for (const { statement_id = 0, error: failed, series = [] } of results) {
    if (failed !== undefined) throw new QueryRefused(failed);
    for (const { tags = {}, columns, values = [] } of series) take(statement_id, { tags, columns, values });
  }
}

function saidBy(error: HttpError): string {
  const { json } = error as HttpError & { json?: { error?: unknown; message?: unknown } };
  const said = json?.error ?? json?.message ?? error.body ?? error.message;
  return String(said).trim().slice(0, 300).replace(/\.$/, '');
}

function refused(words: string, cause: unknown): LinesideError {
  return new LinesideError('STORE_REFUSED', 'outside', words, { cause });
}

function isLocal(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\./.test(host);
}
