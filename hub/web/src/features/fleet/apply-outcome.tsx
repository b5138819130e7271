import type { ConfigPushResult } from '@lineside/shared/contracts/link.ts';
import { IconAlertTriangle, IconCircleCheck } from '@tabler/icons-react';
import { Notice } from '../../ui/notice.tsx';
import { Refusal } from '../../ui/refusal.tsx';
import classes from './config-findings.module.css';
import { Changes, Problems } from './config-findings.tsx';

const TITLES: Record<ConfigPushResult['result'], [title: string, words: string]> = {
  applied: [
    'Applied and confirmed',
    'The gateway runs it, and its file is this one now. The one before is beside it.',
  ],
  unchanged: ['Nothing to change', 'The gateway runs it already.'],
  refused: ['Refused', 'The gateway has touched nothing and runs what it ran.'],
  rolledBack: ['Rolled back', 'The gateway runs again what it ran before.'],
};

const RESTARTED: (typeof TITLES)['applied'] = [
  'Started with it, and confirmed',
  'The gateway has started anew with all of it, and its file is this one now. The one before is beside it.',
];

/** What became of a configuration. */
export function ApplyOutcome(props: {
  result: ConfigPushResult | undefined;
  error: Error | null;
  onLine: (line: number) => void;
}) {
  const { result, error } = props;
  if (error) return <Refusal error={error} title="Not applied, or not known" />;
  if (!result) return null;
  const good = result.result === 'applied' || result.result === 'unchanged';
  const [title, words] = result.restarted && good ? RESTARTED : TITLES[result.result];
  return (
    <section className={classes.root} aria-label="What became of it" data-testid="apply-outcome">
      <Notice
        tone={good ? 'info' : 'error'}
        icon={good ? <IconCircleCheck size="1.35rem" /> : <IconAlertTriangle size="1.35rem" />}
        title={title}
      >
        {words}
      </Notice>
      <Problems problems={result.problems} onLine={props.onLine} />
      {good ? <Changes {...result} /> : null}
    </section>
  );
}
