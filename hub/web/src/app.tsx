import type { User } from '@lineside/shared/contracts/api.ts';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback, useState } from 'react';
import { ApiError } from './api/http.ts';
import { hubApi } from './api/hub-api.ts';
import { LiveProvider } from './live/live-context.tsx';
import { FleetShell } from './pages/fleet-shell.tsx';
import { Gateway } from './pages/gateway.tsx';
import { Gateways } from './pages/gateways.tsx';
import { Overview } from './pages/overview.tsx';
import { SignIn } from './pages/sign-in.tsx';
import { useRoute } from './route.ts';
import { Splash } from './ui/splash.tsx';

/** Decides by the session what is shown: the way in, or the line. */
export function App() {
  const queries = useQueryClient();
  const [notice, setNotice] = useState('');
  const me = useQuery({ queryKey: ['me'], queryFn: ({ signal }) => hubApi.me(signal), staleTime: Infinity });

  const leave = useCallback(
    (words: string) => {
      setNotice(words);
      queries.clear();
      queries.setQueryData(['me'], null);
    },
    [queries],
  );
  const ended = useCallback(() => leave('Your session has ended. Please sign in again.'), [leave]);

  if (me.data) {
    return (
      <LiveProvider onEnded={ended}>
        <Page user={me.data} onSignedOut={() => leave('You are signed out.')} />
      </LiveProvider>
    );
  }
  if (me.isPending) return <Splash />;
  const signedOut = me.data === null || (me.error instanceof ApiError && me.error.status === 401);
  if (!signedOut) return <Splash error={me.error?.message ?? ''} onRetry={() => void me.refetch()} />;
  return (
    <SignIn
      notice={notice}
      onSignedIn={(user) => {
        setNotice('');
        queries.setQueryData(['me'], user);
      }}
    />
  );
}

function Page({ user, onSignedOut }: { user: User; onSignedOut: () => void }) {
  const route = useRoute();
  if (route.page === 'line') return <Overview user={user} onSignedOut={onSignedOut} />;
  return (
    <FleetShell user={user} onSignedOut={onSignedOut}>
      {route.page === 'gateway' ? <Gateway key={route.id} id={route.id} user={user} /> : <Gateways />}
    </FleetShell>
  );
}
