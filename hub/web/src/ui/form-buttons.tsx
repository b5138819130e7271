import { Button } from '@mantine/core';
import type { ReactNode } from 'react';
import { DialogButtons } from './dialog-buttons.tsx';

/** The last line of a form in a dialog: away without a change, or sent with the words that are given. */
export function FormButtons(props: { busy: boolean; onCancel: () => void; children: ReactNode }) {
  return (
    <DialogButtons>
      <Button variant="default" onClick={props.onCancel}>
        Cancel
      </Button>
      <Button type="submit" loading={props.busy}>
        {props.children}
      </Button>
    </DialogButtons>
  );
}
