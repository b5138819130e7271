import type { AlarmView } from '@lineside/shared/contracts/api.ts';
import { ActionIcon, Button, Popover, Textarea } from '@mantine/core';
import { IconCheck, IconMessagePlus } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { ApiError } from '../../api/http.ts';
import { hubApi } from '../../api/hub-api.ts';
import { useLiveHub } from '../../live/live-context.tsx';
import classes from './acknowledge-control.module.css';

/** Acknowledges with one press, or with a comment from the button beside it. */
export function AcknowledgeControl({ alarm }: { alarm: AlarmView }) {
  const hub = useLiveHub();
  const [opened, setOpened] = useState(false);
  const [comment, setComment] = useState('');
  const acknowledge = useMutation({
    mutationFn: (words: string) => hubApi.acknowledge(alarm.occurrence, words),
    onMutate: () => alarm,
    onSuccess: (answer, _words, asked) => {
      setOpened(false);
      hub.answer(asked, answer);
    },
    onError: (error) => {
      if (error instanceof ApiError && error.status === 401) hub.retry();
    },
  });
  return (
    <div className={classes.root}>
      <div className={classes.buttons}>
        <Button
          size="xs"
          leftSection={<IconCheck size="1rem" aria-hidden="true" />}
          loading={acknowledge.isPending}
          onClick={() => acknowledge.mutate('')}
        >
          Acknowledge
        </Button>
        <Popover
          opened={opened}
          onChange={setOpened}
          width={280}
          trapFocus
          withArrow
          shadow="md"
          position="bottom-end"
        >
          <Popover.Target>
            <ActionIcon
              variant="default"
              size="1.875rem"
              aria-label="Add a comment first"
              title="Add a comment first"
              disabled={acknowledge.isPending}
              onClick={() => setOpened((was) => !was)}
            >
              <IconMessagePlus size="1.1rem" aria-hidden="true" />
            </ActionIcon>
          </Popover.Target>
          <Popover.Dropdown>
            <form
              className={classes.form}
              onSubmit={(event) => {
                event.preventDefault();
                acknowledge.mutate(comment.trim());
              }}
            >
              <Textarea
                label="Comment"
                data-autofocus
                autosize={false}
                rows={3}
                maxLength={500}
                value={comment}
                onChange={(event) => setComment(event.currentTarget.value)}
              />
              <Button type="submit" size="xs" loading={acknowledge.isPending}>
                Confirm with comment
              </Button>
            </form>
          </Popover.Dropdown>
        </Popover>
      </div>
      {acknowledge.error ? (
        <p className={classes.error} role="alert">
          Not acknowledged: {acknowledge.error.message}
        </p>
      ) : null}
    </div>
  );
}
