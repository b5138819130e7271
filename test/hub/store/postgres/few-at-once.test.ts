import { expect, test } from 'vitest';
import { FewAtOnce } from '../../../../hub/store/postgres/few-at-once.ts';

test('a few at once, the others in their turn, also after one that fails', async () => {
  const few = new FewAtOnce();
  const begun: number[] = [];
  const ends = Array.from({ length: 10 }, () => Promise.withResolvers<number>());
  const all = ends.map(({ promise }, i) =>
    few.run(() => {
      begun.push(i);
      return promise;
    }),
  );
  expect(begun).toEqual([0, 1, 2, 3]);
  ends[2]!.reject(new Error('no disk'));
  await expect(all[2]).rejects.toThrow('no disk');
  expect(begun).toEqual([0, 1, 2, 3, 4]);
  for (const [i, { resolve }] of ends.entries()) resolve(i);
  expect(
    (await Promise.allSettled(all)).map(({ status }) => status).filter((status) => status === 'rejected'),
  ).toHaveLength(1);
  expect(begun).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});
