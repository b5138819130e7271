/** An event is kept as it came, a later gateway's too; one that lies about its form is refused by name. */
import { readEvent } from '@lineside/shared/wire/read-event.ts';
import { describe, expect, it } from 'vitest';
import { writeEvent } from './random-batch.ts';

const REFUSED: [string, string, RegExp][] = [
  ['no JSON', '{', /not JSON/],
  ['a list', '[]', /no object/],
  ['null', 'null', /no object/],
  ['no kind', '{"at":1}', /without kind or time/],
  ['a time that is a text', '{"kind":"later","at":"now"}', /without kind or time/],
  ['a time beyond all dates', '{"kind":"later","at":1e300}', /without kind or time/],
  ['a write that says yes with a text', JSON.stringify({ ...writeEvent(), ok: 'yes' }), /kind write: \/ok/],
  ['a write that nobody asked for', JSON.stringify({ ...writeEvent(), by: undefined }), /kind write/],
  ['a drop of half a sample', '{"kind":"drop","at":1,"reason":"bufferFull","samples":0.5}', /kind drop/],
];

describe('an event', () => {
  it.each(REFUSED)('is refused when it is %s', (_what, text, words) => {
    expect(() => readEvent(text)).toThrow(words);
  });

  it('of a kind that only a later gateway knows is kept whole', () => {
    const later = { kind: 'constructor', at: 12.4, more: { deep: [1] } };
    expect(readEvent(JSON.stringify(later))).toStrictEqual({ kind: 'other', at: 12, body: later });
  });
});
