import type { TagView } from '@lineside/shared/contracts/api.ts';
import { Button, Modal, TextInput } from '@mantine/core';
import { IconArrowRight } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { ApiError } from '../../api/http.ts';
import { hubApi } from '../../api/hub-api.ts';
import { decimalsOf, parseEntry, valueWords } from '../../format/write-words.ts';
import { useLiveHub, useMachines, useTagValue } from '../../live/live-context.tsx';
import { DialogButtons } from '../../ui/dialog-buttons.tsx';
import classes from './write-dialog.module.css';
import { WriteEntry } from './write-entry.tsx';
import { WriteResult } from './write-result.tsx';

/** Sets one value: what it is, what it shall be, and what became of it. */
export function WriteDialog({ tag, onClose }: { tag: TagView; onClose: () => void }) {
  const hub = useLiveHub();
  const queries = useQueryClient();
  const machine = useMachines().find(({ gateway, device }) => gateway === tag.gateway && device === tag.device);
  const live = useTagValue(tag.id) ?? tag;
  const [text, setText] = useState(() => firstEntry(tag, live.value));
  const [touched, setTouched] = useState(false);
  const [comment, setComment] = useState('');
  const write = useMutation({
    mutationFn: (value: number | boolean | string) => hubApi.write(tag.id, value, comment.trim()),
    onError: (error) => {
      if (error instanceof ApiError && error.status === 401) hub.retry();
    },
    onSettled: () => void queries.invalidateQueries({ queryKey: ['writes'] }),
  });
  const entry = parseEntry(tag, text);
  const words = (value: TagView['value']) => valueWords(value, decimalsOf(value), tag.unit);

  return (
    <Modal
      opened
      onClose={onClose}
      title={`${tag.label || tag.name} · ${machine?.name ?? tag.device}`}
      closeOnClickOutside={!write.isPending}
    >
      <form
        className={classes.form}
        onSubmit={(event) => {
          event.preventDefault();
          setTouched(true);
          if ('value' in entry && !write.isPending) write.mutate(entry.value);
        }}
      >
        <p className={classes.change}>
          <span>
            <small>Now</small>
            <b>{words(live.value)}</b>
          </span>
          <IconArrowRight size="1.2rem" aria-label="becomes" role="img" />
          <span>
            <small>New</small>
            <b>{'value' in entry ? words(entry.value) : '—'}</b>
          </span>
        </p>
        <WriteEntry
          tag={tag}
          text={text}
          problem={touched && 'problem' in entry ? entry.problem : ''}
          disabled={write.isPending}
          onChange={(next) => {
            setText(next);
            setTouched(true);
            write.reset();
          }}
        />
        <TextInput
          label="Comment"
          description="Stands in the log beside your name."
          maxLength={500}
          value={comment}
          disabled={write.isPending}
          onChange={({ currentTarget }) => setComment(currentTarget.value)}
        />
        <WriteResult outcome={write.data} error={write.error} words={words} />
        <DialogButtons>
          <Button variant="default" onClick={onClose}>
            {write.data?.ok ? 'Close' : 'Cancel'}
          </Button>
          <Button type="submit" loading={write.isPending} disabled={!('value' in entry) || write.data?.ok}>
            {'value' in entry && tag.type !== 'string' ? `Set to ${words(entry.value)}` : 'Set'}
          </Button>
        </DialogButtons>
      </form>
    </Modal>
  );
}

/** What the entry begins with: the present value where it is one of a few, so that nothing is chosen by accident. */
function firstEntry(tag: TagView, value: TagView['value']): string {
  if (tag.type === 'boolean') return String(value === true);
  if (typeof value === 'string' && (tag.write?.names.includes(value) ?? false)) return value;
  return '';
}
