/** What is known of each gateway right now, from its status messages and its silence. */
import type { GatewayView } from '@lineside/shared/contracts/api.ts';
import type { CertificateStatus, DeviceStatus, GatewayStatus } from '@lineside/shared/contracts/link.ts';

/** Gateways report every 5 s; after so long without a word one counts as offline. Milliseconds. */
const PATIENCE_MS = 16_000;

export interface KnownGateway {
  id: string;
  lastSeenAt: number | null;
  /** Since when it has been off line; null when it has never been seen. */
  since: number | null;
  samplesStored: number;
  /** The newest that it was given; absent when it comes in by a password. */
  certificate?: CertificateStatus | undefined;
}

/** Whether it is no gateway but a source of others, of which the hub itself says how its devices are. */
export function isForeign(id: string): boolean {
  return id.includes(':');
}

export class GatewayBoard {
  readonly #views = new Map<string, GatewayView>();

  /** A gateway that is configured, or was seen before this start. */
  know(gateway: KnownGateway): void {
    const view = this.#viewOf(gateway.id);
    view.lastSeenAt = gateway.lastSeenAt;
    view.since = gateway.since;
    view.samplesStored = gateway.samplesStored;
    if (gateway.certificate) view.certificate = gateway.certificate;
  }

  /** A gateway that may come from now on. */
  expect(id: string): void {
    this.#viewOf(id);
  }

  /** Its certificate was taken away. @returns what changed by that; undefined when nothing did */
  revoked(id: string, serial: string): GatewayView | undefined {
    const view = this.#views.get(id);
    if (view?.certificate?.serial !== serial) return undefined;
    delete view.certificate;
    return view;
  }

  get(id: string): GatewayView | undefined {
    return this.#views.get(id);
  }

  all(): GatewayView[] {
    return [...this.#views.values()].sort((a, b) => a.id.localeCompare(b.id));
  }

  device(gateway: string, device: string): DeviceStatus | undefined {
    return this.#views.get(gateway)?.devices.find((status) => status.device === device);
  }

  report(status: GatewayStatus, now: number): GatewayView {
    const view = this.#viewOf(status.gateway);
    if (view.online !== status.online || view.since === null) view.since = now;
    view.online = status.online;
    view.version = status.version;
    // By the time that is left, so that the two clocks need not agree.
    if (status.online && status.trial) view.trial = { by: status.trial.by, endsAt: now + status.trial.endsInMs };
    else delete view.trial;
    // A will says that the gateway is gone; what it says besides is from the time of its connect.
    if (status.online || isForeign(status.gateway)) view.devices = status.devices;
    if (status.online) {
      view.pendingSamples = status.buffer.pendingSamples;
      if (status.certificate) view.certificate = status.certificate;
      else delete view.certificate;
      view.lastSeenAt = now;
      view.startedAt = status.startedAt;
      view.bufferBytes = status.buffer.bytes;
      view.bufferFault = status.buffer.fault ?? '';
      view.configSha256 = status.configSha256 ?? '';
      view.accepts = status.accepts ?? [];
      view.clockOffsetMs = Math.round(status.at - now);
    }
    return view;
  }

  heard(id: string, now: number): void {
    const view = this.#viewOf(id);
    view.lastSeenAt = now;
  }

  committed(id: string, samples: number): void {
    this.#viewOf(id).samplesStored += samples;
  }

  quarantined(id: string): GatewayView {
    const view = this.#viewOf(id);
    view.quarantined++;
    return view;
  }

  /** Gateways that went silent without a goodbye; they are offline from now on. */
  silent(now: number): GatewayView[] {
    const gone: GatewayView[] = [];
    for (const view of this.#views.values()) {
      if (!view.online || now - (view.lastSeenAt ?? 0) <= PATIENCE_MS) continue;
      view.online = false;
      delete view.trial;
      view.since = view.lastSeenAt ?? now;
      gone.push(view);
    }
    return gone;
  }

  #viewOf(id: string): GatewayView {
    let view = this.#views.get(id);
    if (!view) {
      view = {
        id,
        online: false,
        since: null,
        lastSeenAt: null,
        version: '',
        pendingSamples: 0,
        quarantined: 0,
        samplesStored: 0,
        devices: [],
      };
      this.#views.set(id, view);
    }
    return view;
  }
}
