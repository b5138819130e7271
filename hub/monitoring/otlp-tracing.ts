/**
 * Sends traces to an OpenTelemetry collector. Imported only when one is configured. What the collector does not take is
 * dropped: nothing of the hub waits for it.
 */
import { VERSION } from '@lineside/shared/config/version.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import {
  type Context,
  DiagLogLevel,
  diag,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { RequestSpan, SpanAttributes, Tracing } from './tracing.ts';

/** Spans that wait; more are dropped. */
const MAX_WAITING = 4_096;
const SEND_MS = 2_000;
/** A collector that takes longer is not waited for. Milliseconds. */
const PATIENCE_MS = 5_000;
/** Nor at the end. */
const GOODBYE_MS = 1_500;

const HEADERS = {
  get: (headers: Record<string, unknown>, name: string) => headers[name] as string | undefined,
  keys: (headers: Record<string, unknown>) => Object.keys(headers),
};

export interface OtlpTracingOptions {
  url: string;
  headers: Record<string, string>;
  /** Part of the traces that begin here which is sent, 0 to 1. */
  sampleRatio: number;
  /** How long spans wait for company. Milliseconds; default 2 s. */
  sendMs?: number;
  log: Logger;
}

export class OtlpTracing implements Tracing {
  readonly #contexts = new AsyncLocalStorageContextManager().enable();
  readonly #propagator = new W3CTraceContextPropagator();
  readonly #provider: TracerProvider;

  constructor({ url, headers, sampleRatio, sendMs = SEND_MS, log }: OtlpTracingOptions) {
    hearTroubles(log);
    const exporter = new OTLPTraceExporter({ url, headers, timeoutMillis: PATIENCE_MS });
    this.#provider = new TracerProvider({
      resource: resourceFromAttributes({ 'service.name': 'lineside-hub', 'service.version': VERSION }),
      sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(sampleRatio) }),
      spanProcessors: [new BatchSpanProcessor({ exporter, maxQueueSize: MAX_WAITING, scheduledDelayMillis: sendMs })],
    });
  }

  request(headers: Record<string, string | string[] | undefined>, attributes: SpanAttributes): RequestSpan {
    const parent = this.#propagator.extract(ROOT_CONTEXT, headers, HEADERS);
    const span = this.#tracer.startSpan('request', { kind: SpanKind.SERVER, attributes }, parent);
    const context = trace.setSpan(parent, span);
    return {
      run: (work) => this.#contexts.with(context, work),
      end: (name, more, failed) => {
        span.updateName(name);
        end(span.setAttributes(more), failed);
      },
    };
  }

  async span<T>(name: string, attributes: SpanAttributes, work: () => Promise<T>): Promise<T> {
    const parent = this.#contexts.active();
    const span = this.#tracer.startSpan(name, { attributes }, parent);
    try {
      const result = await this.#contexts.with(trace.setSpan(parent, span), work);
      end(span, false);
      return result;
    } catch (error) {
      end(span, true);
      throw error;
    }
  }

  /** The upkeep of the hub has no span around it, and would only make noise. */
  over(name: string, durationMs: number, attributes: SpanAttributes, failed: boolean): void {
    const parent: Context = this.#contexts.active();
    if (!trace.getSpan(parent)) return;
    const now = Date.now();
    const options = { kind: SpanKind.CLIENT, attributes, startTime: now - durationMs };
    end(this.#tracer.startSpan(name, options, parent), failed, now);
  }

  async stop(): Promise<void> {
    const patience = new Promise<void>((resolve) => setTimeout(resolve, GOODBYE_MS).unref());
    await Promise.race([this.#provider.shutdown().catch(() => undefined), patience]);
  }

  get #tracer() {
    return this.#provider.getTracer('lineside-hub', VERSION);
  }
}

function end(span: Span, failed: boolean, at?: number): void {
  if (failed) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end(at);
}

/** The library says each time that nobody took its spans; once a minute is enough. */
function hearTroubles(log: Logger): void {
  let toldAt = Number.NEGATIVE_INFINITY;
  const tell = (message: string): void => {
    if (performance.now() - toldAt < 60_000) return;
    toldAt = performance.now();
    log.warn(
      { reason: message.slice(0, 500) },
      'traces are not taken; they are dropped until the collector is there',
    );
  };
  const quiet = (): void => undefined;
  diag.setLogger({ error: tell, warn: tell, info: quiet, debug: quiet, verbose: quiet }, DiagLogLevel.WARN);
}
