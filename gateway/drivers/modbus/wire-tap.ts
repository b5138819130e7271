/** Sees what a connection sends and what comes back, for whoever writes it down. */
import type { Request } from './request.ts';

/** Is called in the path of every poll: must be quick and never throw. */
export interface WireTap {
  opened(): void;
  /** Never open, or no longer. */
  closed(reason: string): void;
  sent(request: Request): void;
  /** The values lie at `at` of `view`, only for the length of the call. */
  answered(request: Request, view: DataView, at: number): void;
  refused(request: Request, exception: number): void;
  /** No answer, or not a right one. */
  failed(request: Request, reason: string): void;
}
