import type { TagView } from '@lineside/shared/contracts/api.ts';
import { TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { useEffect, useMemo, useState } from 'react';
import { useMay } from '../../api/session.ts';
import { useLiveHub, useMachines } from '../../live/live-context.tsx';
import { Setpoint } from './setpoint.tsx';
import classes from './setpoint-panel.module.css';

/** More than fit on a screen are searched, and never all shown: each one shown is kept live by the hub. */
const SEARCH_FROM = 13;
const SHOWN = 48;

/** What may be set, with its present values. */
export function Setpoints({ tags, onAsk }: { tags: readonly TagView[]; onAsk: (tag: TagView) => void }) {
  const hub = useLiveHub();
  const machines = useMachines();
  const maySet = useMay('tags.write');
  const [search, setSearch] = useState('');
  const entries = useMemo(() => {
    const named = tags.map((tag) => ({
      tag,
      machine: machines.find(({ gateway, device }) => gateway === tag.gateway && device === tag.device),
    }));
    const words = search.toLowerCase().split(/\s+/);
    return named.filter(({ tag, machine }) => {
      const text = `${tag.label} ${tag.name} ${machine?.name ?? ''} ${tag.device}`.toLowerCase();
      return words.every((word) => text.includes(word));
    });
  }, [tags, machines, search]);
  const shown = entries.slice(0, SHOWN);
  const wanted = shown.map(({ tag }) => tag.id).join(',');
  useEffect(() => {
    hub.want('setpoints', wanted === '' ? [] : wanted.split(',').map(Number));
    return () => hub.want('setpoints', []);
  }, [hub, wanted]);

  return (
    <>
      {maySet ? null : <p className={classes.looking}>Your role sees these values and does not set them.</p>}
      {tags.length < SEARCH_FROM ? null : (
        <TextInput
          className={classes.search}
          aria-label="Search setpoints"
          placeholder="Machine or name"
          leftSection={<IconSearch size="1rem" aria-hidden="true" />}
          value={search}
          onChange={({ currentTarget }) => setSearch(currentTarget.value)}
        />
      )}
      <ul className={classes.list}>
        {shown.map(({ tag, machine }) => (
          <Setpoint key={tag.id} tag={tag} machine={machine} onSet={() => onAsk(tag)} />
        ))}
      </ul>
      {shown.length === entries.length ? null : (
        <p className={classes.more}>
          {shown.length} of {entries.length} are shown; search for the others.
        </p>
      )}
    </>
  );
}
