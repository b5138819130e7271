/** What the hub's parts say of their work to those who trace it. otel.ts sends it; without it nothing is kept. */

export type SpanAttributes = Record<string, string | number | boolean>;

export interface RequestSpan {
  /** Runs what follows within the span. */
  run<T>(work: () => T): T;
  end(name: string, attributes: SpanAttributes, failed: boolean): void;
}

export interface Tracing {
  /** A request has come. Its headers may say which trace it belongs to. */
  request(headers: Record<string, string | string[] | undefined>, attributes: SpanAttributes): RequestSpan;
  /** Runs work as a span, within the one that is running. */
  span<T>(name: string, attributes: SpanAttributes, work: () => Promise<T>): Promise<T>;
  /** Something is over that was done within the running span. */
  over(name: string, durationMs: number, attributes: SpanAttributes, failed: boolean): void;
  /** Sends what is left. */
  stop(): Promise<void>;
}

const NO_REQUEST: RequestSpan = { run: (work) => work(), end: () => undefined };

export const NO_TRACING: Tracing = {
  request: () => NO_REQUEST,
  span: (_name, _attributes, work) => work(),
  over: () => undefined,
  stop: async () => undefined,
};
