import type { MachineView, TagView } from '@lineside/shared/contracts/api.ts';
import { Button } from '@mantine/core';
import { IconAlertTriangle, IconPencil } from '@tabler/icons-react';
import { useMay } from '../../api/session.ts';
import { qualityWords } from '../../format/quality-words.ts';
import { formatUnit, formatValue, trustOf, UNKNOWN } from '../../format/value.ts';
import { decimalsOf, limitWords } from '../../format/write-words.ts';
import { useTagValue } from '../../live/live-context.tsx';
import classes from './setpoint.module.css';

/** One value that may be set: what it is now, what it may be, and the way to set it. */
export function Setpoint(props: { tag: TagView; machine: MachineView | undefined; onSet: () => void }) {
  const { tag, machine, onSet } = props;
  const live = useTagValue(tag.id) ?? tag;
  const maySet = useMay('tags.write');
  const trust = trustOf(live.quality);
  const shown = formatValue(live.value, decimalsOf(live.value));
  const unit = formatUnit(tag.unit);
  const limits = tag.write ? limitWords(tag.write, tag.unit) : '';
  const name = tag.label || tag.name;
  return (
    <li className={classes.root} data-testid="setpoint">
      <div className={classes.words}>
        <p className={classes.name}>
          <b>{name}</b> <span>{machine?.name ?? tag.device}</span>
        </p>
        <p className={classes.value} data-trust={trust}>
          {trust === 'bad' && shown !== UNKNOWN ? <s>{shown}</s> : <b>{shown}</b>}
          {unit && shown !== UNKNOWN ? <small>{unit}</small> : null}
        </p>
        {trust === 'good' ? null : (
          <p className={classes.quality} data-trust={trust}>
            <IconAlertTriangle size="0.95rem" aria-hidden="true" />
            {qualityWords(live.quality)}
          </p>
        )}
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
