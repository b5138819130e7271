import { expect, test } from 'vitest';
import { checkPassword } from '../../../hub/auth/password-rules.ts';

const refused = (password: string, context: string[] = []) =>
  checkPassword(password, 12, context).then(
    () => null,
    (error: Error & { code: string }) => `${error.code}: ${error.message}`,
  );

test.each([
  'correct horse battery',
  'kaltes Bier am Abend',
  'ñandú ñandú verde 7',
  'バッテリーとホチキスと馬の写真',
  'tractor-seven-moon',
  'x7!kq02mzp$w',
])('“%s” may be chosen: nothing is asked but length', async (password) => {
  expect(await refused(password, ['anna', 'lineside', 'Acme'])).toBeNull();
});

test.each([
  ['short', /12 characters at least, this one has 5/],
  ['🔒🔒🔒🔒🔒🔒', /this one has 6/],
  ['1qaz2wsx3edc', /most common/],
  ['1QAZ2wsx3edc', /most common/],
  ['Password2026!', /most common/],
  ['123baseball!!', /most common/],
  ['abcabcabcabc', /repeats/],
  ['aaaaaaaaaaaaaa', /repeats/],
  ['abcdefghijklmnop', /counts/],
  ['anna1anna2!#', /without “anna”/],
  ['Lineside-2026', /without “lineside”/],
])('“%s” is refused', async (password, why) => {
  const told = await refused(password, ['anna', 'lineside', 'Acme']);
  expect(told).toMatch(/^PASSWORD_REFUSED: /);
  expect(told).toMatch(why);
});
