import type { AlarmView, History, Overview, Tag, User, WriteView } from '@lineside/shared/contracts/api.ts';
import type { CompletenessStatement } from '@lineside/shared/contracts/completeness.ts';
import type { Page } from '@lineside/shared/contracts/page.ts';
import type { EquipmentProposal } from '@lineside/shared/contracts/proposal.ts';
import type { WriteOutcome } from '@lineside/shared/contracts/write.ts';
import { request } from './http.ts';
import { after, all } from './pages.ts';

/** How many alarms one page of the history holds. */
const ALARM_PAGE = 50;

/** How many attempts one page of the log of writes holds. */
const WRITE_PAGE = 30;

/** The hub waits 20 s for a gateway; after that it answers that nobody knows. */
const WRITE_TIMEOUT_MS = 30_000;

/** Buckets that a history is asked for: as many as the chart's grid can show. */
const HISTORY_POINTS = 720;

/** The hub's REST API, one function for each route. All throw ApiError. */
export const hubApi = {
  me: (signal?: AbortSignal) => request<User>('/api/v1/me', { signal }),
  login: (name: string, password: string) =>
    request<User>('/api/v1/login', { method: 'POST', body: { name, password } }),
  logout: () => request<void>('/api/v1/logout', { method: 'POST' }),
  overview: (signal: AbortSignal) => request<Overview>('/api/v1/overview', { signal }),
  tags: (machine: string, signal: AbortSignal) =>
    all<Tag>(`/api/v1/tags?machine=${encodeURIComponent(machine)}`, signal),
  history: (tag: number, from: number, to: number, signal: AbortSignal) =>
    request<History>(
      `/api/v1/tags/${tag}/history?from=${Math.floor(from)}&to=${Math.ceil(to)}&points=${HISTORY_POINTS}`,
      { signal },
    ),
  completeness: (day: string, signal: AbortSignal) =>
    all<CompletenessStatement>(`/api/v1/completeness?day=${day}`, signal),
  proposals: (signal: AbortSignal) => all<EquipmentProposal>('/api/v1/equipment/proposals', signal),
  alarms: (cursor: string | null, signal: AbortSignal) =>
    request<Page<AlarmView>>(`/api/v1/alarms?limit=${ALARM_PAGE}${after(cursor)}`, { signal }),
  /** Those of the machines, machine by machine. */
  writableTags: async (signal: AbortSignal) => {
    const tags = await all<Tag>('/api/v1/tags?writable=true&sort=machine', signal);
    return tags.filter(({ machine }) => machine !== '');
  },
  write: (tag: number, value: number | boolean | string, comment: string) =>
    request<WriteOutcome>(`/api/v1/tags/${tag}/write`, {
      method: 'POST',
      body: { value, comment },
      timeoutMs: WRITE_TIMEOUT_MS,
    }),
  writes: (cursor: string | null, signal: AbortSignal) =>
    request<Page<WriteView>>(`/api/v1/writes?limit=${WRITE_PAGE}${after(cursor)}`, { signal }),
  acknowledge: (occurrence: string, comment: string) =>
    request<AlarmView>(`/api/v1/alarms/${encodeURIComponent(occurrence)}/acknowledge`, {
      method: 'POST',
      body: { comment },
    }),
};
