import { Button } from '@mantine/core';
import { IconCloudOff } from '@tabler/icons-react';
import { sentence } from '../format/sentence.ts';
import { MessagePanel } from './message-panel.tsx';

/** What stands where something has not come from the hub: why, and a way to ask again. */
export function FailedPanel({ title, error, onRetry }: { title: string; error: Error; onRetry: () => unknown }) {
  return (
    <MessagePanel tone="error" icon={<IconCloudOff size="1.6rem" />} title={title}>
      <p>{sentence(error.message)}</p>
      <Button variant="default" size="xs" mt="sm" onClick={() => void onRetry()}>
        Try again
      </Button>
    </MessagePanel>
  );
}
