import type { User } from '@lineside/shared/contracts/api.ts';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback, useState } from 'react';
import { ApiError } from './api/http.ts';
import { meQuery } from './api/session.ts';
import { LiveProvider } from './live/live-context.tsx';
import { Administration } from './pages/administration.tsx';
import { FleetShell } from './pages/fleet-shell.tsx';
import { Gateway } from './pages/gateway.tsx';
import { Gateways } from './pages/gateways.tsx';
import { Overview } from './pages/overview.tsx';
import { OwnPassword } from './pages/own-password.tsx';
import { Rollouts } from './pages/rollouts.tsx';
import { SignIn } from './pages/sign-in.tsx';
import { useRoute } from './route.ts';
import { Splash } from './ui/splash.tsx';

/** Decides by the session what is shown: the way in, or the line. */
export function App() {
  const queries = useQueryClient();
  const [notice, setNotice] = useState('');
  /** Typed a moment ago; asked for once more where it has to be changed. */
  const [password, setPassword] = useState('');
  const me = useQuery(meQuery);

  const leave = useCallback(
    (words: string) => {
      setNotice(words);
      setPassword('');
      queries.clear();
      queries.setQueryData(meQuery.queryKey, null);
    },
    [queries],
  );
  const ended = useCallback(() => leave('Your session has ended. Please sign in again.'), [leave]);

  if (me.data?.mustChangePassword) {
    return (
      <OwnPassword
        user={me.data}
        known={password}
        onChanged={(user) => {
          setPassword('');
          queries.setQueryData(meQuery.queryKey, user);
        }}
        onSignedOut={() => leave('You are signed out.')}
      />
    );
  }
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
      onSignedIn={(user, typed) => {
        setNotice('');
        setPassword(user.mustChangePassword ? typed : '');
        queries.setQueryData(meQuery.queryKey, user);
      }}
    />
  );
}

function Page({ user, onSignedOut }: { user: User; onSignedOut: () => void }) {
  const route = useRoute();
  if (route.page === 'line') return <Overview user={user} onSignedOut={onSignedOut} />;
  return (
    <FleetShell user={user} onSignedOut={onSignedOut}>
      {route.page === 'administration' ? (
        <Administration user={user} part={route.part} />
      ) : route.page === 'gateway' ? (
        <Gateway key={route.id} id={route.id} />
      ) : route.page === 'rollouts' ? (
        <Rollouts />
      ) : (
        <Gateways />
      )}
    </FleetShell>
  );
}
