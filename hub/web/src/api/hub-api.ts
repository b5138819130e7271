import type { AlarmView, History, Overview, TagView, User } from '@lineside/shared/contracts/api.ts';
import type { CompletenessStatement } from '@lineside/shared/contracts/completeness.ts';
import { request } from './http.ts';

/** How many alarms one page of the history holds. */
export const ALARM_PAGE = 50;

/** Buckets that a history is asked for: as many as the chart's grid can show. */
const HISTORY_POINTS = 720;

/** The hub's REST API, one function for each route. All throw ApiError. */
export const hubApi = {
  me: (signal?: AbortSignal) => request<User>('/api/v1/me', signal ? { signal } : {}),
  login: (name: string, password: string) =>
    request<User>('/api/v1/login', { method: 'POST', body: { name, password } }),
  logout: () => request<void>('/api/v1/logout', { method: 'POST' }),
  overview: (signal: AbortSignal) => request<Overview>('/api/v1/overview', { signal }),
  tags: (machine: string, signal: AbortSignal) =>
    request<TagView[]>(`/api/v1/tags?machine=${encodeURIComponent(machine)}`, { signal }),
  history: (tag: number, from: number, to: number, signal: AbortSignal) =>
    request<History>(
      `/api/v1/tags/${tag}/history?from=${Math.floor(from)}&to=${Math.ceil(to)}&points=${HISTORY_POINTS}`,
      { signal },
    ),
  completeness: (day: string, signal: AbortSignal) =>
    request<CompletenessStatement[]>(`/api/v1/completeness?day=${day}`, { signal }),
  alarms: (before: number | null, signal: AbortSignal) =>
    request<AlarmView[]>(`/api/v1/alarms?limit=${ALARM_PAGE}${before === null ? '' : `&before=${before}`}`, {
      signal,
    }),
  acknowledge: (occurrence: string, comment: string) =>
    request<AlarmView>(`/api/v1/alarms/${encodeURIComponent(occurrence)}/acknowledge`, {
      method: 'POST',
      body: { comment },
    }),
};
