/**
 * Writes down the requests to one unit and what became of each: docs/recording.md has the format. Frames are kept from
 * the unit on, without what only one transport has (header, checksum), so that a recording is the same over all.
 */
import type { Recorder } from '../driver.ts';
import { MBAP_HEADER, payloadAt, type Request } from './request.ts';
import type { WireTap } from './wire-tap.ts';

export class WireRecorder implements WireTap {
  readonly #unit: number;
  readonly #recorder: Recorder;
  #sentAt = 0;

  constructor(unit: number, recorder: Recorder) {
    this.#unit = unit;
    this.#recorder = recorder;
  }

  opened(): void {
    this.#recorder.write({ event: 'opened' });
  }

  closed(reason: string): void {
    this.#recorder.write({ event: 'closed', reason });
  }

  sent(request: Request): void {
    if (request.unit === this.#unit) this.#sentAt = performance.now();
  }

  answered(request: Request, view: DataView, at: number): void {
    if (request.unit !== this.#unit) return;
    const begin = at - payloadAt(request);
    const bytes = Buffer.from(view.buffer, view.byteOffset + begin, payloadAt(request) + request.bytes);
    this.#write(request, { answer: bytes.toString('hex') });
  }

  refused(request: Request, exception: number): void {
    if (request.unit !== this.#unit) return;
    this.#write(request, { answer: Buffer.of(request.unit, request.code | 0x80, exception).toString('hex') });
  }

  failed(request: Request, reason: string): void {
    if (request.unit === this.#unit) this.#write(request, { failed: reason });
  }

  #write(request: Request, outcome: { answer: string } | { failed: string }): void {
    const ms = performance.now() - this.#sentAt;
    const asked = request.adu.toString('hex', MBAP_HEADER);
    this.#recorder.write({ ms: Math.round(1000 * ms) / 1000, request: asked, ...outcome }, ms);
  }
}
