import type { ConfigCheck } from '@lineside/shared/contracts/fleet.ts';
import { IconAlertTriangle, IconCircleCheck, IconInfoCircle } from '@tabler/icons-react';
import { Notice } from '../../ui/notice.tsx';
import classes from './config-findings.module.css';

type Findings = Pick<ConfigCheck, 'problems' | 'changes' | 'needsRestart'>;

/** A gateway's words about a configuration, `file:line: words`, taken apart; no line when they name none. */
function apart(problem: string): { line?: number; words: string } {
  const [place, line] = /^[^\n]*?:(\d+): /.exec(problem) ?? ['', 0];
  return Number(line) > 0 ? { line: Number(line), words: problem.slice(place.length) } : { words: problem };
}

/** Which line of the configuration a gateway's words are about; undefined when they name none. */
export const lineOf = (problem: string): number | undefined => apart(problem).line;

/** What a gateway says of a configuration that it has looked at. */
export function CheckFindings({ check, onLine }: { check: ConfigCheck; onLine: (line: number) => void }) {
  const { sound, problems } = check;
  return (
    <section className={classes.root} aria-label="What the gateway says of it">
      {sound ? (
        <Notice tone="info" icon={<IconCircleCheck size="1.35rem" />} title="It is sound">
          The gateway has looked at it. Nothing has been changed yet.
        </Notice>
      ) : (
        <Notice tone="error" icon={<IconAlertTriangle size="1.35rem" />} title="The gateway would not take it">
          {problems.length === 1 ? 'One thing has to be mended.' : `${problems.length} things have to be mended.`}
        </Notice>
      )}
      <Problems problems={problems} onLine={onLine} />
      {sound ? <Changes {...check} /> : null}
    </section>
  );
}

export function Problems({ problems, onLine }: { problems: readonly string[]; onLine: (line: number) => void }) {
  return problems.length === 0 ? null : (
    <ul className={classes.problems}>
      {problems.map((problem) => {
        const { line, words } = apart(problem);
        return (
          <li key={problem} title={problem}>
            {line === undefined ? null : (
              <button type="button" onClick={() => onLine(line)}>
                Line {line}
              </button>
            )}
            <span>{words}</span>
          </li>
        );
      })}
    </ul>
  );
}

const KINDS = [
  ['added', 'Added', '+'],
  ['changed', 'Changed', '~'],
  ['removed', 'Removed', '−'],
] as const;

/** Devices, models and alarms that would be others. */
export function Changes({ changes, needsRestart }: Omit<Findings, 'problems'>) {
  const none = KINDS.every(([kind]) => changes[kind].length === 0);
  return (
    <div className={classes.changes}>
      {none && needsRestart.length === 0 ? <p>No device, model or alarm changes by it.</p> : null}
      {KINDS.map(([kind, words, sign]) =>
        changes[kind].length === 0 ? null : (
          <div key={kind} data-kind={kind}>
            <h3>
              {words} {changes[kind].length}
            </h3>
            <ul>
              {changes[kind].map((name) => (
                <li key={name}>
                  <b aria-hidden="true">{sign}</b> {name}
                </li>
              ))}
            </ul>
          </div>
        ),
      )}
      {needsRestart.length > 0 ? (
        <p className={classes.restart}>
          <IconInfoCircle size="1.1rem" aria-hidden="true" /> Only after a restart: {needsRestart.join(', ')}
        </p>
      ) : null}
    </div>
  );
}
