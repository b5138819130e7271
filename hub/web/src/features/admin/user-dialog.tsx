import type { UserAccount, UserWithPassword } from '@lineside/shared/contracts/accounts.ts';
import type { Role } from '@lineside/shared/contracts/permissions.ts';
import { Modal, Select, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { adminApi } from '../../api/admin-api.ts';
import { ROLE_WORDS } from '../../format/role-words.ts';
import { FormButtons } from '../../ui/form-buttons.tsx';
import { Refusal } from '../../ui/refusal.tsx';
import classes from './admin.module.css';
import { SitesField } from './sites-field.tsx';

const NAME = /^[a-z0-9][a-z0-9._@+-]{0,63}$/;

/** Makes a user, or changes one. `onDone` gets the password of a new one. */
export function UserDialog(props: {
  /** Without it a user is made. */
  user?: UserAccount;
  onDone: (made: UserWithPassword | null) => void;
  onClose: () => void;
}) {
  const { user } = props;
  const [name, setName] = useState('');
  const [fullName, setFullName] = useState(user?.fullName ?? '');
  const [role, setRole] = useState<Role>(user?.role ?? 'operator');
  const [chosen, setSites] = useState(user?.sites ?? null);
  const [tried, setTried] = useState(false);
  const sites = role === 'admin' ? null : chosen;
  const save = useMutation({
    mutationFn: async () => {
      const facts = { fullName: fullName.trim(), role, sites };
      if (!user) return adminApi.addUser({ name: name.trim(), ...facts });
      await adminApi.changeUser(user.name, facts);
      return null;
    },
    onSuccess: props.onDone,
  });
  const nameFits = user !== undefined || NAME.test(name.trim());

  return (
    <Modal
      opened
      onClose={props.onClose}
      title={user ? `Change ${user.name}` : 'Add a user'}
      closeOnClickOutside={false}
    >
      <form
        className={classes.form}
        onSubmit={(event) => {
          event.preventDefault();
          setTried(true);
          if (nameFits && !save.isPending) save.mutate();
        }}
      >
        {user ? null : (
          <TextInput
            label="Name"
            description="To sign in with: small letters, digits and . _ @ + -"
            autoCapitalize="none"
            autoComplete="off"
            spellCheck={false}
            data-autofocus
            maxLength={64}
            value={name}
            error={
              tried && !nameFits ? 'Small letters, digits and . _ @ + -, beginning with a letter or digit.' : null
            }
            onChange={({ currentTarget }) => setName(currentTarget.value)}
          />
        )}
        <TextInput
          label="Full name"
          autoComplete="off"
          maxLength={200}
          value={fullName}
          onChange={({ currentTarget }) => setFullName(currentTarget.value)}
        />
        <Select
          label="Role"
          description={ROLE_WORDS[role]}
          allowDeselect={false}
          data={Object.keys(ROLE_WORDS)}
          value={role}
          onChange={(next) => setRole(next as Role)}
          renderOption={({ option }) => (
            <span className={classes.option}>
              {option.value}
              <small>{ROLE_WORDS[option.value as Role]}</small>
            </span>
          )}
        />
        <SitesField value={sites} onChange={setSites} disabled={role === 'admin'} />
        <Refusal error={save.error} />
        <FormButtons busy={save.isPending} onCancel={props.onClose}>
          {user ? 'Save' : 'Add the user'}
        </FormButtons>
      </form>
    </Modal>
  );
}
