import type { TagView } from '@lineside/shared/contracts/api.ts';
import { IconAlertTriangle } from '@tabler/icons-react';
import { qualityWords } from '../format/quality-words.ts';
import { formatUnit, formatValue, trustOf, UNKNOWN } from '../format/value.ts';
import classes from './trusted-value.module.css';

/** A value as far as it may be believed: bad is struck through, and what is not good says what is wrong. */
export function TrustedValue(props: {
  value: TagView['value'];
  /** OPC UA StatusCode. */
  quality: number;
  decimals: number;
  unit: string;
  testId?: string;
}) {
  const trust = trustOf(props.quality);
  const shown = formatValue(props.value, props.decimals);
  const unit = formatUnit(props.unit);
  return (
    <>
      <span className={classes.value} data-trust={trust} data-testid={props.testId}>
        {trust === 'bad' && shown !== UNKNOWN ? <s>{shown}</s> : <b>{shown}</b>}
        {unit && shown !== UNKNOWN ? <small>{unit}</small> : null}
      </span>
      {trust === 'good' ? null : (
        <span className={classes.quality} data-trust={trust}>
          <IconAlertTriangle size="0.95rem" aria-hidden="true" />
          {qualityWords(props.quality)}
        </span>
      )}
    </>
  );
}
