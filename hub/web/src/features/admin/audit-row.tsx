import type { AuditEntry } from '@lineside/shared/contracts/accounts.ts';
import { actionWords, type ChangeLine, changeLines, kindWords, nameWords } from '../../format/audit-words.ts';
import { formatExact, formatFull } from '../../format/duration.ts';
import classes from './admin.module.css';

const OUTCOMES = { refused: 'refused', failed: 'failed', unknown: 'not known what became of it' } as const;

/** One line of the log. A press on who, what or of what narrows the log to it. */
export function AuditRow(props: {
  entry: AuditEntry;
  onPick: (part: 'actor' | 'action' | 'target', value: string) => void;
}) {
  const { entry, onPick } = props;
  const lines = changeLines(entry.before, entry.after);
  const words = actionWords(entry.action);
  const kind = entry.actor ? kindWords(entry.actorKind) : '';
  const outcome = entry.outcome === 'done' ? '' : OUTCOMES[entry.outcome];
  return (
    <li className={classes.entry} data-testid="audit-row">
      <div className={classes.cell}>
        <button type="button" className={classes.link} onClick={() => onPick('actor', entry.actor)}>
          <b>{entry.actor || 'Nobody signed in'}</b>
        </button>
        {kind ? <span>{kind}</span> : null}
        <span title={formatFull(entry.at)}>{formatExact(entry.at)}</span>
        {entry.address ? <span>from {entry.address}</span> : null}
      </div>
      <div className={classes.cell}>
        <button type="button" className={classes.link} onClick={() => onPick('action', entry.action)}>
          {words}
        </button>
        {words === entry.action ? null : <span>{entry.action}</span>}
        {entry.target ? (
          <button type="button" className={classes.link} onClick={() => onPick('target', entry.target)}>
            <span>{entry.target}</span>
          </button>
        ) : null}
        {outcome ? <span className={classes.bad}>{outcome}</span> : null}
      </div>
      {lines.length === 0 ? null : (
        <dl className={classes.changes}>
          {lines.map((line) => (
            <div key={line.name}>
              <dt>{nameWords(line.name) || 'value'}</dt>
              <dd>
                <Change of={line} />
              </dd>
            </div>
          ))}
        </dl>
      )}
    </li>
  );
}

function Change({ of: { before, after } }: { of: ChangeLine }) {
  if (before === undefined) return after;
  if (after === undefined) return <del>{before}</del>;
  return (
    <>
      <del>{before}</del> → {after}
    </>
  );
}
