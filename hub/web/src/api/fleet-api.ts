import type { ModbusTable, NodeLevel, Registers } from '@lineside/shared/contracts/device-look.ts';
import type { MadeToken, TokenView } from '@lineside/shared/contracts/enrolment.ts';
import type { ConfigCheck, ConfigText, LogLines } from '@lineside/shared/contracts/fleet.ts';
import type { ConfigPushResult } from '@lineside/shared/contracts/link.ts';
import type { Page } from '@lineside/shared/contracts/page.ts';
import type { RolloutView } from '@lineside/shared/contracts/rollout.ts';
import { request } from './http.ts';
import { all } from './pages.ts';

/**
 * The hub waits so long for a short answer, for a check, for a configuration before it is on trial, and
 * for a look at a device; then it says so.
 */
const SHORT_MS = 20_000;
const CHECK_MS = 70_000;
const PUSH_MS = 75_000;
/** And so long for a gateway that starts anew. */
const RESTART_MS = 130_000;
const GLANCE_MS = 35_000;

/** What the hub does with gateways, one function for each route. All throw ApiError. */
export const fleetApi = {
  health: (signal: AbortSignal) => request<HubHealth>('/health', { signal, timeoutMs: SHORT_MS }),
  logs: (id: string, lines: number, signal: AbortSignal) =>
    request<LogLines>(`${at(id)}/logs?lines=${lines}`, { signal, timeoutMs: SHORT_MS }),
  restart: (id: string) => request<{ done: true }>(`${at(id)}/restart`, { method: 'POST', timeoutMs: SHORT_MS }),
  config: (id: string, signal?: AbortSignal) =>
    request<ConfigText>(`${at(id)}/config`, { signal, timeoutMs: SHORT_MS }),
  check: (id: string, config: string) =>
    request<ConfigCheck>(`${at(id)}/config/check`, { method: 'POST', body: { config }, timeoutMs: CHECK_MS }),
  /** Answers when it is confirmed, or has been taken back. */
  push: (id: string, config: string, confirmWithinSeconds: number, restart: boolean) =>
    request<ConfigPushResult>(`${at(id)}/config`, {
      method: 'POST',
      body: { config, confirmWithinSeconds, restart },
      timeoutMs: PUSH_MS + confirmWithinSeconds * 1_000 + (restart ? RESTART_MS : 0),
    }),
  /** What lies right below a node; null: where one begins. */
  nodes: (id: string, device: string, node: string | null, signal: AbortSignal) =>
    request<NodeLevel>(`${at(id)}/nodes`, {
      method: 'POST',
      body: node === null ? { device } : { device, node },
      signal,
      timeoutMs: GLANCE_MS,
    }),
  registers: (id: string, body: RegistersWish, signal: AbortSignal) =>
    request<Registers>(`${at(id)}/registers`, { method: 'POST', body, signal, timeoutMs: GLANCE_MS }),
  tokens: (signal: AbortSignal) => all<TokenView>('/api/v1/enrolment-tokens', signal),
  /** @param minutes how long it is good for; undefined: as the hub has it */
  makeToken: (id: string, minutes?: number) =>
    request<MadeToken>(`${at(id)}/enrolment-token`, {
      method: 'POST',
      body: minutes === undefined ? {} : { minutes },
    }),
  withdrawToken: (token: string) =>
    request<void>(`/api/v1/enrolment-tokens/${encodeURIComponent(token)}`, { method: 'DELETE' }),
  revoke: (id: string, reason: string) =>
    request<{ revoked: string[] }>(`${at(id)}/certificate?reason=${encodeURIComponent(reason)}`, {
      method: 'DELETE',
    }),
  /** The newest. */
  rollouts: async (signal: AbortSignal) => (await request<Page<RolloutView>>('/api/v1/rollouts', { signal })).items,
  beginRollout: (body: RolloutPlan) => request<{ id: string }>('/api/v1/rollouts', { method: 'POST', body }),
  stopRollout: (id: string) => request<{ done: true }>(`/api/v1/rollouts/${id}/stop`, { method: 'POST' }),
};

/** What is wrong at the hub, and what somebody should see to before it is, in words. */
export interface HubHealth {
  faults: string[];
  notices: string[];
}

export interface RegistersWish {
  device: string;
  table: ModbusTable;
  /** Counted from 0. */
  first: number;
  count: number;
}

export interface RolloutPlan {
  gateways: string[];
  config: string;
  /** So many gateways in the first wave, and in each one after it. */
  first: number;
  each: number;
  /** Each one starts anew with it where settings need that. */
  restart: boolean;
}

function at(id: string): string {
  return `/api/v1/gateways/${encodeURIComponent(id)}`;
}
