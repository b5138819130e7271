import type { ApiKeyWithSecret } from '@lineside/shared/contracts/accounts.ts';
import { type KeyScope, PERMISSIONS, type Permission } from '@lineside/shared/contracts/permissions.ts';
import { Modal, MultiSelect, Select, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { adminApi } from '../../api/admin-api.ts';
import { dayAfter, dayOf, startOf } from '../../format/day.ts';
import { FormButtons } from '../../ui/form-buttons.tsx';
import { Refusal } from '../../ui/refusal.tsx';
import classes from './admin.module.css';
import { SitesField } from './sites-field.tsx';

const NAME = /^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$/;
const SCOPES = Object.entries(PERMISSIONS)
  .filter(([, rule]) => !('person' in rule))
  .map(([word]) => word);
/** Days from now; the two others are words. */
const ENDS = [
  { value: '30', label: 'In 30 days' },
  { value: '90', label: 'In 90 days' },
  { value: '365', label: 'In a year' },
  { value: 'date', label: 'On a day' },
  { value: 'never', label: 'Never' },
];
const DAY_MS = 86_400_000;

/** Makes an API key for a program. */
export function KeyDialog(props: { onDone: (made: ApiKeyWithSecret) => void; onClose: () => void }) {
  const [name, setName] = useState('');
  const [scopes, setScopes] = useState<string[]>([]);
  const [sites, setSites] = useState<string[] | null>(null);
  const [end, setEnd] = useState('365');
  const [day, setDay] = useState(() => dayAfter(dayOf(Date.now()), 30));
  const [tried, setTried] = useState(false);
  const save = useMutation({
    mutationFn: () =>
      adminApi.addKey({ name: name.trim(), scopes: scopes as KeyScope[], sites, expiresAt: endOf(end, day) }),
    onSuccess: props.onDone,
  });
  const problems = {
    name: NAME.test(name.trim()) ? '' : 'Letters, digits, spaces and . _ - , beginning with a letter or digit.',
    scopes: scopes.length > 0 ? '' : 'Choose one at least.',
    day: end === 'date' && !(endOf(end, day)! > Date.now()) ? 'Choose a day that lies ahead.' : '',
  };

  return (
    <Modal opened onClose={props.onClose} title="Make an API key" closeOnClickOutside={false}>
      <form
        className={classes.form}
        onSubmit={(event) => {
          event.preventDefault();
          setTried(true);
          if (!problems.name && !problems.scopes && !problems.day && !save.isPending) save.mutate();
        }}
      >
        <TextInput
          label="Name"
          description="Of the program that uses it, such as Grafana"
          data-autofocus
          autoComplete="off"
          maxLength={64}
          value={name}
          error={tried && problems.name}
          onChange={({ currentTarget }) => setName(currentTarget.value)}
        />
        <MultiSelect
          label="Scopes"
          description="What it may do; nothing else"
          placeholder={scopes.length === 0 ? 'Choose' : ''}
          data={SCOPES}
          searchable
          clearable
          value={scopes}
          error={tried && problems.scopes}
          onChange={setScopes}
          renderOption={({ option }) => (
            <span className={classes.option}>
              {option.value}
              <small>{PERMISSIONS[option.value as Permission].may}</small>
            </span>
          )}
        />
        <SitesField value={sites} onChange={setSites} />
        <Select
          label="Ends"
          allowDeselect={false}
          data={ENDS}
          value={end}
          onChange={(next) => setEnd(next ?? '365')}
        />
        {end === 'date' ? (
          <TextInput
            type="date"
            label="Last day"
            min={dayOf(Date.now())}
            value={day}
            error={tried && problems.day}
            onChange={({ currentTarget }) => setDay(currentTarget.value)}
          />
        ) : null}
        <Refusal error={save.error} />
        <FormButtons busy={save.isPending} onCancel={props.onClose}>
          Make the key
        </FormButtons>
      </form>
    </Modal>
  );
}

/** @returns milliseconds since 1970 UTC; null is never */
function endOf(end: string, day: string): number | null {
  if (end === 'never') return null;
  // Through the last day, in the reader's zone.
  if (end === 'date') return startOf(dayAfter(day || '1970-01-01', 1));
  return Date.now() + Number(end) * DAY_MS;
}
