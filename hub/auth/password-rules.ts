/**
 * Which passwords people may choose, by NIST SP 800-63B: length first, no rules on what they are made of, nothing that
 * attackers try first. They never expire.
 */
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';

/** Besides what is common, this many characters have to be left. */
const OWN_CHARACTERS = 6;

/**
 * @param password as it was typed
 * @param context words that belong to the user or the plant, such as the user's name
 * @throws LinesideError PASSWORD_REFUSED with what is wrong with it
 */
export async function checkPassword(password: string, minLength: number, context: readonly string[]): Promise<void> {
  const wrong = await whatIsWrong(password, minLength, context);
  if (wrong) throw new LinesideError('PASSWORD_REFUSED', 'peer', wrong);
}

async function whatIsWrong(password: string, minLength: number, context: readonly string[]): Promise<string | null> {
  // People count what they see.
  const length = [...password.normalize('NFKC')].length;
  if (length < minLength) {
    return `a password has ${minLength} characters at least, this one has ${length}; several words are easy to remember`;
  }
  const text = password.normalize('NFKC').toLowerCase();
  if (new Set(text).size < 5 || isRepeated(text) || isSequence(text)) {
    return 'this password repeats or counts; choose one that cannot be guessed from its beginning';
  }
  for (const word of context) {
    const known = word.toLowerCase();
    if (known.length < 3 || !text.includes(known)) continue;
    if (text.replaceAll(known, '').length < OWN_CHARACTERS) {
      return `without “${word}” nearly nothing is left of this password; choose other words`;
    }
  }
  // A year or a sign behind a common word is the first thing that is tried.
  const core = text.replace(/^[\d\p{P}\p{S}\s]+|[\d\p{P}\p{S}\s]+$/gu, '');
  const common = await commonPasswords();
  if (common.has(text) || (common.has(core) && core.length >= 4 && length - core.length < OWN_CHARACTERS)) {
    return 'this password is among the most common ones, or nearly; attackers try these first';
  }
  return null;
}

/** One piece over and over: abcabcabcabc. */
function isRepeated(text: string): boolean {
  return (text + text).indexOf(text, 1) < text.length;
}

/** Each character is next to the one before: abcdefgh, 87654321. */
function isSequence(text: string): boolean {
  const codes = [...text].map((char) => char.codePointAt(0)!);
  const steps = new Set(codes.slice(1).map((code, i) => code - codes[i]!));
  return steps.size === 1 && [1, -1].includes([...steps][0]!);
}

/** Loaded when somebody chooses a password, and not kept: it takes megabytes, and nobody waits for 30 ms. */
async function commonPasswords(): Promise<ReadonlySet<string>> {
  const { dictionary } = await import('@zxcvbn-ts/language-common');
  return new Set(dictionary['passwords-common']);
}
