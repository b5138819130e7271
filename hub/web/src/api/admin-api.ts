import type {
  ApiKeyView,
  ApiKeyWithSecret,
  AuditEntry,
  NewApiKey,
  NewUser,
  UserAccount,
  UserChange,
  UserWithPassword,
} from '@lineside/shared/contracts/accounts.ts';
import type { Equipment } from '@lineside/shared/contracts/api.ts';
import type { Page } from '@lineside/shared/contracts/page.ts';
import { request } from './http.ts';
import { all } from './pages.ts';

/** Lines on one page of the audit log. */
const AUDIT_PAGE = 50;

/** What the audit log is narrowed by; names are exact, times milliseconds since 1970 UTC. */
export interface AuditFilter {
  actor?: string;
  action?: string;
  target?: string;
  from?: number;
  to?: number;
}

/** Users, API keys and the audit log, one function for each route. All throw ApiError. */
export const adminApi = {
  users: (signal: AbortSignal) => all<UserAccount>('/api/v1/users', signal),
  addUser: (body: NewUser) => request<UserWithPassword>('/api/v1/users', { method: 'POST', body }),
  changeUser: (name: string, body: UserChange) => request<UserAccount>(userAt(name), { method: 'PATCH', body }),
  resetPassword: (name: string) => request<UserWithPassword>(`${userAt(name)}/reset-password`, { method: 'POST' }),
  endSessions: (name: string) => request<void>(`${userAt(name)}/end-sessions`, { method: 'POST' }),
  deleteUser: (name: string) => request<void>(userAt(name), { method: 'DELETE' }),
  keys: (signal: AbortSignal) => all<ApiKeyView>('/api/v1/keys', signal),
  addKey: (body: NewApiKey) => request<ApiKeyWithSecret>('/api/v1/keys', { method: 'POST', body }),
  revokeKey: (id: string) => request<ApiKeyView>(`/api/v1/keys/${encodeURIComponent(id)}`, { method: 'DELETE' }),
  audit: (filter: AuditFilter, cursor: string | null, signal: AbortSignal) => {
    const query = new URLSearchParams({ limit: String(AUDIT_PAGE) });
    for (const [name, value] of Object.entries(filter)) {
      if (value !== undefined && value !== '') query.set(name, String(value));
    }
    if (cursor !== null) query.set('cursor', cursor);
    return request<Page<AuditEntry>>(`/api/v1/audit?${query}`, { signal });
  },
  places: (signal: AbortSignal) => all<Equipment>('/api/v1/equipment', signal),
};

function userAt(name: string): string {
  return `/api/v1/users/${encodeURIComponent(name)}`;
}
