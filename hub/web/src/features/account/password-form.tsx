import type { User } from '@lineside/shared/contracts/api.ts';
import { Button, PasswordInput } from '@mantine/core';
import { IconAlertTriangle, IconClockPause, IconCloudOff } from '@tabler/icons-react';
import { useMutation, useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { ApiError } from '../../api/http.ts';
import { sessionApi, waysQuery } from '../../api/session.ts';
import { sentence } from '../../format/sentence.ts';
import { Notice } from '../../ui/notice.tsx';
import classes from './password-form.module.css';

const EYE = { 'aria-label': 'Show what is typed' };

/**
 * Chooses another password: what it has to be, the fields, and what is wrong with them.
 * `known` is the present password where it has just been typed; it is not asked for again.
 */
export function PasswordForm(props: {
  user: User;
  known?: string;
  onChanged: (user: User) => void;
  /** Beside the button. */
  other?: ReactNode;
}) {
  const { user, known = '', onChanged } = props;
  const [current, setCurrent] = useState('');
  const [next, setNext] = useState('');
  const [again, setAgain] = useState('');
  const [tried, setTried] = useState(false);
  const least = useQuery(waysQuery).data?.minPasswordLength;
  const change = useMutation({
    mutationFn: () => sessionApi.changePassword(known || current, next),
    onSuccess: onChanged,
  });
  const problems = problemsOf({ next, again, least });
  const refusal = refusalOf(change.error);

  return (
    <form
      className={classes.form}
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        setTried(true);
        if ((known || current) && !problems.next && !problems.again && !change.isPending) change.mutate();
      }}
    >
      {change.error && !refusal.current && !refusal.next ? <Failure error={change.error} /> : null}
      {/* For the browser's store of passwords. */}
      <input hidden readOnly autoComplete="username" value={user.name} />
      {known ? null : (
        <PasswordInput
          label="Present password"
          size="md"
          autoComplete="current-password"
          required
          withAsterisk={false}
          data-autofocus
          value={current}
          error={refusal.current || (tried && !current && 'The password that you sign in with now.')}
          onChange={({ currentTarget }) => {
            setCurrent(currentTarget.value);
            change.reset();
          }}
          visibilityToggleButtonProps={EYE}
        />
      )}
      <PasswordInput
        label="New password"
        description={`${least ?? 12} characters or more; several words are easy to remember. Digits and signs are not asked for. Common passwords and your own name are refused.`}
        size="md"
        autoComplete="new-password"
        required
        withAsterisk={false}
        maxLength={256}
        autoFocus={known !== ''}
        value={next}
        error={refusal.next || (tried && problems.next)}
        onChange={({ currentTarget }) => {
          setNext(currentTarget.value);
          change.reset();
        }}
        visibilityToggleButtonProps={EYE}
      />
      <PasswordInput
        label="New password, again"
        size="md"
        autoComplete="new-password"
        required
        withAsterisk={false}
        maxLength={256}
        value={again}
        error={tried && problems.again}
        onChange={({ currentTarget }) => setAgain(currentTarget.value)}
        visibilityToggleButtonProps={EYE}
      />
      <div className={classes.buttons}>
        {props.other}
        <Button type="submit" size="md" loading={change.isPending}>
          Change the password
        </Button>
      </div>
    </form>
  );
}

/** What can be told without asking the hub. */
function problemsOf(typed: { next: string; again: string; least: number | undefined }) {
  // As the hub counts.
  const length = [...typed.next.normalize('NFKC')].length;
  const short = length < (typed.least ?? 1);
  return {
    next: short ? `This has ${length} of at least ${typed.least ?? 1} characters.` : '',
    again: typed.again === typed.next ? '' : 'This is not the same as above.',
  };
}

/** What the hub says of one of the fields. */
function refusalOf(error: Error | null): { current?: string; next?: string } {
  if (!(error instanceof ApiError)) return {};
  if (error.code === 'PASSWORD_WRONG') return { current: 'This is not your present password.' };
  return error.code === 'PASSWORD_REFUSED' ? { next: sentence(error.message) } : {};
}

function Failure({ error }: { error: Error }) {
  const { status, code } = error instanceof ApiError ? error : { status: -1, code: '' };
  if (status === 429) {
    return (
      <Notice tone="warning" icon={<IconClockPause size="1.35rem" />} title="Too many attempts">
        {sentence(error.message)}
      </Notice>
    );
  }
  const title = status === 0 ? 'Hub not reachable' : 'The password is as it was';
  const words =
    code === 'USER_BY_PROVIDER' ? 'You sign in through your company; change the password there.' : error.message;
  return (
    <Notice
      tone="error"
      icon={status === 0 ? <IconCloudOff size="1.35rem" /> : <IconAlertTriangle size="1.35rem" />}
      title={title}
    >
      {sentence(words)}
    </Notice>
  );
}
