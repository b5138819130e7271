import { expect, test } from 'vitest';
import { sharesOf } from '../../../hub/replicas/shares.ts';

const set = (...names: string[]) => new Set(names);
const names = (count: number) => Array.from({ length: count }, (_, i) => `g-${String(i).padStart(3, '0')}`);

test('one that is alone takes everything that is free, and nothing that somebody has', () => {
  const shares = sharesOf({ wanted: set('a', 'b', 'c'), held: set(), free: set('a', 'c'), replicas: 1 });
  expect(shares).toEqual({ release: [], claim: ['a', 'c'] });
});

test('what it has it keeps while that is no more than its share', () => {
  const shares = sharesOf({ wanted: set('a', 'b', 'c', 'd'), held: set('b', 'd'), free: set(), replicas: 2 });
  expect(shares).toEqual({ release: [], claim: [] });
});

test('leaves what is beyond its share, and takes nothing beside', () => {
  const wanted = set('a', 'b', 'c', 'd', 'e');
  expect(sharesOf({ wanted, held: wanted, free: set(), replicas: 2 })).toEqual({ release: ['d', 'e'], claim: [] });
  const shares = sharesOf({ wanted, held: set('a', 'b', 'c'), free: set('d', 'e'), replicas: 2 });
  expect(shares).toEqual({ release: [], claim: [] });
});

test('with nothing to share, and before any replica is known, nothing is claimed or let go of wrongly', () => {
  expect(sharesOf({ wanted: set(), held: set(), free: set(), replicas: 3 })).toEqual({ release: [], claim: [] });
  expect(sharesOf({ wanted: set('a'), held: set('a'), free: set(), replicas: 0 })).toEqual({
    release: [],
    claim: [],
  });
});

test.each([
  [1, 7],
  [2, 7],
  [3, 200],
  [5, 3],
])(
  'however %i replicas come and go, their turns end with each of %i gateways at one of them, evenly',
  (count, size) => {
    const wanted = new Set(names(size));
    let replicas = Array.from({ length: count }, () => new Set<string>());
    /** Turns in any order; resolves to how many leases changed hands in the last round. */
    const round = (): number => {
      let moves = 0;
      for (const held of replicas) {
        const free = new Set([...wanted].filter((name) => !replicas.some((other) => other.has(name))));
        const { release, claim } = sharesOf({ wanted, held, free, replicas: replicas.length });
        for (const name of release) held.delete(name);
        for (const name of claim) {
          expect(free.has(name)).toBe(true);
          held.add(name);
        }
        moves += release.length + claim.length;
      }
      return moves;
    };
    const settle = () => {
      for (let rounds = 0; round() > 0; rounds++) expect(rounds).toBeLessThan(5);
      expect(replicas.flatMap((held) => [...held]).sort()).toEqual([...wanted].sort());
      const share = Math.ceil(size / replicas.length);
      for (const held of replicas) expect(held.size).toBeLessThanOrEqual(share);
    };
    settle();
    replicas.push(new Set());
    settle();
    replicas = replicas.slice(1);
    settle();
    const kept = replicas.map((held) => [...held]);
    expect(round()).toBe(0);
    expect(replicas.map((held) => [...held])).toEqual(kept);
  },
);
