import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { expect, test } from 'vitest';

test('an error has a code that stays, and says who has to act', () => {
  const error = new LinesideError('PORT_TAKEN', 'config', 'port 1 is taken', { cause: new Error('EADDRINUSE') });
  expect(error).toMatchObject({ name: 'LinesideError', code: 'PORT_TAKEN', blame: 'config' });
  expect(error).toBeInstanceOf(Error);
});

test.each<[string, unknown, string]>([
  ['an error', new Error('broken'), 'broken'],
  ['with its causes', new Error('a', { cause: new Error('b', { cause: 'c' }) }), 'a: b: c'],
  ['a cause that is told already', new Error('cannot: EACCES', { cause: new Error('EACCES') }), 'cannot: EACCES'],
  ['without words', new TypeError(), 'TypeError'],
  [
    'of several addresses',
    new AggregateError([new Error('no ::1'), new Error('no 127.0.0.1')]),
    'no ::1; no 127.0.0.1',
  ],
  ['a text', 'plain', 'plain'],
  ['nothing', undefined, 'undefined'],
])('the message of %s', (_name, error, expected) => expect(messageOf(error)).toBe(expected));
