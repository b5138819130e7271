import type { MachineView, TagView } from '@lineside/shared/contracts/api.ts';
import { Button } from '@mantine/core';
import { IconPencil } from '@tabler/icons-react';
import { useMay } from '../../api/session.ts';
import { decimalsOf, limitWords } from '../../format/write-words.ts';
import { useTagValue } from '../../live/live-context.tsx';
import { TrustedValue } from '../../ui/trusted-value.tsx';
import classes from './setpoint.module.css';

/** One value that may be set: what it is now, what it may be, and the way to set it. */
export function Setpoint(props: { tag: TagView; machine: MachineView | undefined; onSet: () => void }) {
  const { tag, machine, onSet } = props;
  const live = useTagValue(tag.id) ?? tag;
  const maySet = useMay('tags.write');
  const limits = tag.write ? limitWords(tag.write, tag.unit) : '';
  const name = tag.label || tag.name;
  return (
    <li className={classes.root} data-testid="setpoint">
      <div className={classes.words}>
        <p className={classes.name}>
          <b>{name}</b> <span>{machine?.name ?? tag.device}</span>
        </p>
        <TrustedValue value={live.value} quality={live.quality} decimals={decimalsOf(live.value)} unit={tag.unit} />
        {limits ? <p className={classes.limits}>{limits}</p> : null}
      </div>
      {maySet ? (
        <Button
          className={classes.button}
          variant="default"
          size="xs"
          leftSection={<IconPencil size="1rem" aria-hidden="true" />}
          onClick={onSet}
          aria-label={`Set ${name} of ${machine?.name ?? tag.device}`}
        >
          Set
        </Button>
      ) : null}
    </li>
  );
}
