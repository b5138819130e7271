import type { WriteOutcome } from '@lineside/shared/contracts/write.ts';
import { IconAlertTriangle, IconCircleCheck, IconHelpCircle } from '@tabler/icons-react';
import { ApiError } from '../../api/http.ts';
import { Notice } from '../../ui/notice.tsx';

interface WriteResultProps {
  outcome: WriteOutcome | undefined;
  error: Error | null;
  words: (value: WriteOutcome['old']) => string;
}

/** What became of it: read back, refused, or not known. */
export function WriteResult({ outcome, error, words }: WriteResultProps) {
  if (outcome?.ok) {
    return (
      <Notice tone="info" icon={<IconCircleCheck size="1.4rem" color="var(--producing)" />} title="Written">
        It was {words(outcome.old)} and is {words(outcome.new)} now, as read back from the device.
      </Notice>
    );
  }
  if (outcome) {
    return (
      <Notice tone="error" icon={<IconAlertTriangle size="1.4rem" />} title="Not written">
        {outcome.error}
        {outcome.new === null ? '' : ` (It is ${words(outcome.new)}.)`}
      </Notice>
    );
  }
  if (!error) return null;
  // Whoever has lost the connection in between does not know either.
  const unknown = error instanceof ApiError && (error.code === 'WRITE_UNKNOWN' || error.status === 0);
  return (
    <Notice
      tone={unknown ? 'warning' : 'error'}
      icon={unknown ? <IconHelpCircle size="1.4rem" /> : <IconAlertTriangle size="1.4rem" />}
      title={unknown ? 'No answer' : 'Not written'}
    >
      {error.message}
    </Notice>
  );
}
