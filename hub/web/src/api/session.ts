import type { SignInWays } from '@lineside/shared/contracts/accounts.ts';
import type { User } from '@lineside/shared/contracts/api.ts';
import type { Permission } from '@lineside/shared/contracts/permissions.ts';
import { queryOptions, useQuery } from '@tanstack/react-query';
import { request } from './http.ts';
import { hubApi } from './hub-api.ts';

/** How one comes in, and one's own account. All throw ApiError. */
export const sessionApi = {
  ways: (signal: AbortSignal) => request<SignInWays>('/api/v1/sign-in', { signal }),
  changePassword: (current: string, next: string) =>
    request<User>('/api/v1/me/password', { method: 'POST', body: { current, new: next } }),
};

/** Who is signed in; null after signing out. */
export const meQuery = queryOptions<User | null>({
  queryKey: ['me'],
  queryFn: ({ signal }) => hubApi.me(signal),
  staleTime: Number.POSITIVE_INFINITY,
});

export const waysQuery = queryOptions({
  queryKey: ['sign-in'],
  queryFn: ({ signal }) => sessionApi.ways(signal),
  staleTime: 60_000,
});

/** Whether who is signed in may do this. The hub refuses it in any case; here it decides what is offered. */
export function useMay(permission: Permission): boolean {
  return useQuery(meQuery).data?.permissions.includes(permission) ?? false;
}
