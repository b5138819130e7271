import type { User } from '@lineside/shared/contracts/api.ts';
import { Button, PasswordInput, TextInput } from '@mantine/core';
import { IconAlertTriangle, IconClockPause, IconCloudOff, IconInfoCircle, IconKey } from '@tabler/icons-react';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { ApiError } from '../api/http.ts';
import { hubApi } from '../api/hub-api.ts';
import { waysQuery } from '../api/session.ts';
import { formatDuration } from '../format/duration.ts';
import { signInWords } from '../format/sign-in-words.ts';
import { BrandMark } from '../ui/brand.tsx';
import { Notice } from '../ui/notice.tsx';
import classes from './sign-in.module.css';

/** How long to wait after too many attempts when the hub does not say. Seconds. */
const DEFAULT_WAIT = 60;

/** The way in. */
export function SignIn({
  notice,
  onSignedIn,
}: {
  notice: string;
  onSignedIn: (user: User, password: string) => void;
}) {
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const passwordField = useRef<HTMLInputElement>(null);
  const [blockedUntil, setBlockedUntil] = useState(0);
  const wait = useCountdown(blockedUntil);
  const provider = useQuery(waysQuery).data?.provider;
  const [failed, setFailed] = useState(takeProviderFailure);
  useEffect(() => {
    const address = new URL(window.location.href);
    if (!address.searchParams.has('signIn')) return;
    address.searchParams.delete('signIn');
    window.history.replaceState(null, '', address);
  }, []);
  const login = useMutation({
    mutationFn: () => hubApi.login(name.trim(), password),
    onSuccess: (user) => onSignedIn(user, password),
    onError: (error) => {
      setFailed(null);
      if (error instanceof ApiError && error.status === 429) {
        setBlockedUntil(Date.now() + (error.retryAfter ?? DEFAULT_WAIT) * 1_000);
      }
      passwordField.current?.select();
    },
  });

  return (
    <main className={classes.root}>
      <form
        className={classes.card}
        aria-labelledby="sign-in-title"
        onSubmit={(event) => {
          event.preventDefault();
          if (name.trim() && password && wait === 0) login.mutate();
        }}
      >
        <div className={classes.brand}>
          <BrandMark size="3rem" />
          <div>
            <h1 id="sign-in-title">Lineside</h1>
            <p>Machines, OEE and alarms, live</p>
          </div>
        </div>
        <SignInError error={login.error} wait={wait} />
        {failed ? (
          <Notice tone="error" icon={<IconAlertTriangle size="1.35rem" />} title={failed.title}>
            {failed.words}
          </Notice>
        ) : null}
        {notice && !login.error && !failed ? (
          <Notice tone="info" icon={<IconInfoCircle size="1.35rem" />}>
            {notice}
          </Notice>
        ) : null}
        <TextInput
          label="Name"
          name="username"
          size="md"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          autoFocus
          required
          withAsterisk={false}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <PasswordInput
          ref={passwordField}
          label="Password"
          name="password"
          size="md"
          autoComplete="current-password"
          required
          withAsterisk={false}
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
          visibilityToggleButtonProps={{ 'aria-label': 'Show what is typed' }}
        />
        <Button type="submit" size="md" fullWidth loading={login.isPending} disabled={wait > 0}>
          Sign in
        </Button>
        {provider ? (
          <>
            <p className={classes.or}>or</p>
            <Button
              component="a"
              href={provider.url}
              variant="default"
              size="md"
              fullWidth
              leftSection={<IconKey size="1.2rem" aria-hidden="true" />}
            >
              {provider.label}
            </Button>
          </>
        ) : null}
        <p className={classes.hint}>
          <b>First time here?</b> The first password is printed when the hub first starts and kept in{' '}
          <code>var/hub/first-password</code>.
        </p>
      </form>
    </main>
  );
}

function SignInError({ error, wait }: { error: Error | null; wait: number }) {
  if (!error) return null;
  const status = error instanceof ApiError ? error.status : -1;
  if (status === 401) {
    return (
      <Notice tone="error" icon={<IconAlertTriangle size="1.35rem" />} title="Name or password is wrong">
        Check both, and that caps lock is off.
      </Notice>
    );
  }
  if (status === 429) {
    return (
      <Notice tone="warning" icon={<IconClockPause size="1.35rem" />} title="Too many attempts">
        {wait > 0 ? `Try again in ${formatDuration(wait * 1_000)}.` : 'You can try again now.'}
      </Notice>
    );
  }
  return (
    <Notice
      tone="error"
      icon={<IconCloudOff size="1.35rem" />}
      title={status === 0 ? 'Hub not reachable' : 'Sign-in did not work'}
    >
      {error.message}
    </Notice>
  );
}

/** What the provider of identities sent back with, told once: a reload does not tell it again. */
function takeProviderFailure() {
  const address = new URL(window.location.href);
  const code = address.searchParams.get('signIn');
  return code ? signInWords(code) : null;
}

/** Whole seconds until a moment; 0 when it has passed. @param until milliseconds since 1970 UTC */
function useCountdown(until: number): number {
  const [left, setLeft] = useState(0);
  useEffect(() => {
    const update = () => setLeft(Math.max(0, Math.ceil((until - Date.now()) / 1_000)));
    update();
    if (until <= Date.now()) return;
    const timer = setInterval(update, 500);
    return () => clearInterval(timer);
  }, [until]);
  return left;
}
