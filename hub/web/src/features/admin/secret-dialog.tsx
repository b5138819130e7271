import { Button, Modal } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useRef } from 'react';
import { CopyButton } from '../../ui/copy-button.tsx';
import { DialogButtons } from '../../ui/dialog-buttons.tsx';
import { Notice } from '../../ui/notice.tsx';
import classes from './admin.module.css';

/** What the hub tells once. It closes by its button only, so that nobody loses it by a slip. */
export function SecretDialog(props: {
  title: string;
  words: string;
  secret: string;
  copyLabel: string;
  onClose: () => void;
}) {
  const shown = useRef<HTMLElement>(null);
  return (
    <Modal
      opened
      onClose={props.onClose}
      title={props.title}
      withCloseButton={false}
      closeOnClickOutside={false}
      closeOnEscape={false}
    >
      <div className={classes.form}>
        <p>{props.words}</p>
        <div className={classes.secret}>
          <code ref={shown} data-testid="secret">
            {props.secret}
          </code>
          <CopyButton text={props.secret} shown={shown} label={props.copyLabel} />
        </div>
        <Notice tone="warning" icon={<IconAlertTriangle size="1.35rem" />} title="Shown this once">
          The hub keeps only a digest of it. Copy it before you close this.
        </Notice>
        <DialogButtons>
          <Button onClick={props.onClose}>I have it</Button>
        </DialogButtons>
      </div>
    </Modal>
  );
}
