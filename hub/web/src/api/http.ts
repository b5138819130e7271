import type { Problem } from '@lineside/shared/contracts/api.ts';

/** What the hub answered instead of the thing asked for, or that it did not answer at all. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** HTTP status; 0 when the hub could not be reached. */
  readonly status: number;
  /** Stable code of the problem document; empty when there was none. */
  readonly code: string;
  /** Seconds to wait before another try, when the hub said so. */
  readonly retryAfter: number | null;

  constructor(status: number, message: string, code = '', retryAfter: number | null = null) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

const TIMEOUT_MS = 15_000;

interface RequestOptions {
  method?: string;
  body?: unknown;
  signal?: AbortSignal | undefined;
  /** For what takes longer than a question. */
  timeoutMs?: number;
}

/**
 * Sends a request to the hub and reads its JSON.
 *
 * @throws ApiError with the words of the hub's problem document (RFC 9457), or status 0 when nothing answered.
 */
export async function request<T>(path: string, init: RequestOptions = {}) {
  const timeout = AbortSignal.timeout(init.timeoutMs ?? TIMEOUT_MS);
  let response: Response;
  try {
    response = await fetch(path, {
      method: init.method ?? 'GET',
      credentials: 'same-origin',
      headers: init.body === undefined ? {} : { 'content-type': 'application/json' },
      body: init.body === undefined ? null : JSON.stringify(init.body),
      signal: init.signal ? AbortSignal.any([init.signal, timeout]) : timeout,
    });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ApiError(0, 'The hub cannot be reached. Check the network and that the hub is running.');
  }
  if (!response.ok) throw await toError(response);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

async function toError(response: Response): Promise<ApiError> {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  const retryAfter = Number.isFinite(seconds) ? seconds : null;
  // A proxy in front answers for a hub that is down: for the reader that is the same as no answer.
  const ours = response.headers.get('content-type')?.startsWith('application/problem+json') === true;
  if (!ours && [502, 503, 504].includes(response.status)) {
    return new ApiError(0, 'The hub cannot be reached. Check the network and that the hub is running.');
  }
  try {
    const problem = (await response.json()) as Partial<Problem>;
    const message = problem.detail || problem.title || `The hub answered with status ${response.status}.`;
    return new ApiError(response.status, message, problem.code ?? '', retryAfter);
  } catch {
    return new ApiError(response.status, `The hub answered with status ${response.status}.`, '', retryAfter);
  }
}
