import { Button } from '@mantine/core';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import { type RefObject, useState } from 'react';

/** How long the button says that it has copied. Milliseconds. */
const COPIED_MS = 2_000;

/** Copies a text. Where a page may not do that at all, what is shown of it is selected, for the keyboard. */
export function CopyButton(props: {
  text: string;
  /** What shows the text. */
  shown: RefObject<HTMLElement | null>;
  label: string;
  className?: string;
}) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    if (!(await copyText(props.text, props.shown.current))) return;
    setCopied(true);
    setTimeout(() => setCopied(false), COPIED_MS);
  };
  return (
    <Button
      className={props.className ?? ''}
      variant="default"
      size="compact-sm"
      leftSection={copied ? <IconCheck size="1rem" /> : <IconCopy size="1rem" />}
      aria-label={props.label}
      onClick={() => void copy()}
    >
      {copied ? 'Copied' : 'Copy'}
    </Button>
  );
}

/** A page that did not come over HTTPS may not use the clipboard; browsers still let it copy what is selected. */
async function copyText(text: string, shown: HTMLElement | null): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    if (!shown) return false;
    // What is typed into a field is no child of it.
    if (shown instanceof HTMLTextAreaElement) shown.select();
    else getSelection()?.selectAllChildren(shown);
    return document.execCommand('copy');
  }
}
