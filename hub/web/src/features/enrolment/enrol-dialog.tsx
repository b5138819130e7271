import type { MadeToken } from '@lineside/shared/contracts/enrolment.ts';
import { GATEWAY_ID_PATTERN } from '@lineside/shared/contracts/topics.ts';
import { Modal, Select, TextInput } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { fleetApi } from '../../api/fleet-api.ts';
import { useGateways } from '../../live/live-context.tsx';
import { FormButtons } from '../../ui/form-buttons.tsx';
import { Notice } from '../../ui/notice.tsx';
import { Refusal } from '../../ui/refusal.tsx';
import { EnrolSteps } from './enrol-steps.tsx';
import classes from './enrolment.module.css';

const ID = new RegExp(GATEWAY_ID_PATTERN);
/** Minutes; empty: as the hub has it. */
const TIMES = [
  { value: '', label: 'As the hub has it' },
  { value: '15', label: '15 minutes' },
  { value: '60', label: 'An hour' },
  { value: '480', label: 'A shift of 8 hours' },
  { value: '1440', label: 'A day' },
  { value: '10080', label: 'A week' },
];

/** Lets a gateway in: a token that is good once, what to type at the machine, and whether it has come. */
export function EnrolDialog({ onClose }: { onClose: () => void }) {
  const [made, setMade] = useState<MadeToken | null>(null);
  const [hub, setHub] = useState(window.location.origin);
  const narrow = useMediaQuery('(max-width: 40em)') ?? false;
  return (
    <Modal
      opened
      onClose={onClose}
      title={made ? `Enrol ${made.gateway}` : 'Enrol a gateway'}
      size={made ? '46rem' : undefined}
      fullScreen={narrow}
      withCloseButton={made === null}
      closeOnClickOutside={false}
      closeOnEscape={made === null}
    >
      {made ? (
        <EnrolSteps made={made} hub={hub.replace(/\/+$/, '')} onClose={onClose} />
      ) : (
        <TokenForm hub={hub} onHub={setHub} onMade={setMade} onClose={onClose} />
      )}
    </Modal>
  );
}

function TokenForm(props: {
  hub: string;
  onHub: (hub: string) => void;
  onMade: (made: MadeToken) => void;
  onClose: () => void;
}) {
  const { hub, onHub } = props;
  const queries = useQueryClient();
  const [id, setId] = useState('');
  const [minutes, setMinutes] = useState('');
  const [tried, setTried] = useState(false);
  const name = id.trim();
  const known = useGateways().find((gateway) => gateway.id === name);
  const make = useMutation({
    mutationFn: () => fleetApi.makeToken(name, minutes === '' ? undefined : Number(minutes)),
    onSuccess: props.onMade,
    onSettled: () => void queries.invalidateQueries({ queryKey: ['enrolment-tokens'] }),
  });
  const problems = {
    id: ID.test(name) ? '' : 'Letters, digits, _ . and - , beginning with a letter or digit; at most 63.',
    hub: isAddress(hub) ? '' : 'Write http://host:port or https://host, as in a browser.',
  };
  return (
    <form
      className={classes.body}
      onSubmit={(event) => {
        event.preventDefault();
        setTried(true);
        if (!problems.id && !problems.hub && !make.isPending) make.mutate();
      }}
    >
      <TextInput
        label="Id of the gateway"
        description="As gateway.id in its configuration, such as line-1"
        data-autofocus
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        maxLength={63}
        value={id}
        error={(tried || name !== '') && problems.id}
        onChange={({ currentTarget }) => setId(currentTarget.value)}
      />
      <TextInput
        label="Address of this hub, as the machine reaches it"
        description={
          isHere(hub) ? 'This name leads a machine to itself: write the hub’s name in the plant’s network.' : null
        }
        autoComplete="off"
        value={hub}
        error={tried && problems.hub}
        onChange={({ currentTarget }) => onHub(currentTarget.value)}
      />
      <Select
        label="The token is good for"
        allowDeselect={false}
        data={TIMES}
        value={minutes}
        onChange={(next) => setMinutes(next ?? '')}
      />
      {known ? (
        <Notice tone="warning" icon={<IconAlertTriangle size="1.35rem" />} title={`There is a gateway ${name}`}>
          {known.certificate
            ? 'When it enrols anew, the certificate that it has now is revoked: a box that has it is shut out.'
            : 'It comes in by a password now. The password stays good until it is taken out of the hub’s configuration.'}
        </Notice>
      ) : null}
      <Refusal error={make.error} title="No token made" />
      <FormButtons busy={make.isPending} onCancel={props.onClose}>
        Make the token
      </FormButtons>
    </form>
  );
}

function isAddress(text: string): boolean {
  return /^https?:\/\/[^/\s]+\/*$/.test(text.trim()) && URL.canParse(text.trim());
}

function isHere(text: string): boolean {
  return URL.canParse(text) && /^(localhost|127\.|\[::1\])/.test(new URL(text).hostname);
}
