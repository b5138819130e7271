import type { TagView } from '@lineside/shared/contracts/api.ts';
import { SegmentedControl, Select, TextInput } from '@mantine/core';
import { formatUnit } from '../../format/value.ts';
import { limitWords } from '../../format/write-words.ts';
import classes from './write-entry.module.css';

export interface WriteEntryProps {
  tag: TagView;
  /** What stands there; `true` or `false` of a boolean. */
  text: string;
  problem: string;
  disabled: boolean;
  onChange: (text: string) => void;
}

/** Where the new value is entered, by the kind of the tag. */
export function WriteEntry({ tag, text, problem, disabled, onChange }: WriteEntryProps) {
  const names = tag.write?.names ?? [];
  if (tag.type === 'boolean') {
    return (
      <SegmentedControl
        fullWidth
        aria-label="New value"
        value={text}
        disabled={disabled}
        onChange={onChange}
        data={[
          { value: 'false', label: 'Off' },
          { value: 'true', label: 'On' },
        ]}
      />
    );
  }
  if (names.length > 0) {
    return (
      <Select
        label="New value"
        data={names}
        value={text || null}
        disabled={disabled}
        allowDeselect={false}
        error={problem}
        onChange={(value) => onChange(value ?? '')}
      />
    );
  }
  const number = tag.type !== 'string';
  const limits = tag.write ? limitWords(tag.write, tag.unit) : '';
  return (
    <TextInput
      label="New value"
      description={limits ? `From ${limits}` : undefined}
      inputMode={number ? 'decimal' : 'text'}
      autoComplete="off"
      data-autofocus
      value={text}
      maxLength={1_000}
      disabled={disabled}
      error={problem}
      rightSection={number && tag.unit ? <span className={classes.unit}>{formatUnit(tag.unit)}</span> : null}
      rightSectionWidth="4.5rem"
      onChange={({ currentTarget }) => onChange(currentTarget.value)}
    />
  );
}
