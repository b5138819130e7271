import type { User } from '@lineside/shared/contracts/api.ts';
import { Button } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { hubApi } from '../api/hub-api.ts';
import { PasswordForm } from '../features/account/password-form.tsx';
import { BrandMark } from '../ui/brand.tsx';
import classes from './sign-in.module.css';

/** Between signing in with a password that somebody else has given out, and everything else. */
export function OwnPassword(props: {
  user: User;
  known: string;
  onChanged: (user: User) => void;
  onSignedOut: () => void;
}) {
  const signOut = useMutation({ mutationFn: hubApi.logout, onSuccess: props.onSignedOut });
  return (
    <main className={classes.root}>
      <section className={classes.card} aria-labelledby="own-password-title">
        <div className={classes.brand}>
          <BrandMark size="3rem" />
          <div>
            <h1 id="own-password-title">Choose your password</h1>
            <p>Signed in as {props.user.name}</p>
          </div>
        </div>
        <p>
          The password that you came in with was given to you by somebody else. Choose one that only you know; then
          the plant is shown.
        </p>
        <PasswordForm
          user={props.user}
          known={props.known}
          onChanged={props.onChanged}
          other={
            <Button variant="default" size="md" loading={signOut.isPending} onClick={() => signOut.mutate()}>
              Sign out
            </Button>
          }
        />
        {signOut.error ? <p role="alert">Not signed out: {signOut.error.message}</p> : null}
      </section>
    </main>
  );
}
