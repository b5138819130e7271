import { IconPower } from '@tabler/icons-react';
import { useId } from 'react';
import classes from './trial-dialog.module.css';

/** Which settings take effect only after a restart, and whether that is made part of the trial. */
export function RestartChoice(props: {
  settings: readonly string[];
  /** The gateway and the role let it be restarted. */
  able: boolean;
  restart: boolean;
  onChange: (restart: boolean) => void;
}) {
  const { settings, able, restart, onChange } = props;
  const name = useId();
  return (
    <fieldset className={classes.restart}>
      <legend>
        <IconPower size="1.1rem" aria-hidden="true" />
        {settings.length === 1 ? 'One setting takes' : `${settings.length} settings take`} effect only after a restart
      </legend>
      <p>
        {settings.map((setting) => (
          <code key={setting}>{setting}</code>
        ))}
      </p>
      <label>
        <input type="radio" name={name} checked={!restart} onChange={() => onChange(false)} />
        <span>
          <b>Not now</b>
          The rest is tried now. These stand in the file then, and come untried with the next start, whenever that is.
        </span>
      </label>
      <label data-disabled={!able || undefined}>
        <input type="radio" name={name} disabled={!able} checked={restart} onChange={() => onChange(true)} />
        <span>
          <b>Restart with it, on trial</b>
          {able
            ? 'All of it is tried. For some seconds no device is read and no alarm is raised; when it does not come back well, it starts with what it had.'
            : 'The hub may not restart this gateway: its hub.accept does not name restart, or your role may not.'}
        </span>
      </label>
    </fieldset>
  );
}
