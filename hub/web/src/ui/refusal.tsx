import { IconAlertTriangle } from '@tabler/icons-react';
import { sentence } from '../format/sentence.ts';
import { Notice } from './notice.tsx';

/** Why the hub did not do something; nothing as long as there is no error. */
export function Refusal({ error, title = 'Not done' }: { error: Error | null; title?: string }) {
  if (!error) return null;
  return (
    <Notice tone="error" icon={<IconAlertTriangle size="1.35rem" />} title={title}>
      {sentence(error.message)}
    </Notice>
  );
}
