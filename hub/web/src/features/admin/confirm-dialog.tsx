import { Button, Modal } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { DialogButtons } from '../../ui/dialog-buttons.tsx';
import { Refusal } from '../../ui/refusal.tsx';
import classes from './admin.module.css';

/** Says what is about to happen, does it, and stays open where it did not work. */
export function ConfirmDialog<T>(props: {
  title: string;
  words: string;
  /** On the button that does it. */
  verb: string;
  harmless?: boolean;
  act: () => Promise<T>;
  onDone: (result: T) => void;
  onClose: () => void;
}) {
  const act = useMutation({ mutationFn: props.act, onSuccess: props.onDone });
  return (
    <Modal opened onClose={props.onClose} title={props.title} closeOnClickOutside={!act.isPending}>
      <div className={classes.form}>
        <p>{props.words}</p>
        <Refusal error={act.error} />
        <DialogButtons>
          <Button variant="default" onClick={props.onClose} data-autofocus>
            Cancel
          </Button>
          <Button {...(props.harmless ? {} : { color: 'red' })} loading={act.isPending} onClick={() => act.mutate()}>
            {props.verb}
          </Button>
        </DialogButtons>
      </div>
    </Modal>
  );
}
