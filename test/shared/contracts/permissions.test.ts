import { readFileSync } from 'node:fs';
import { PERMISSIONS, ROLES, type Role } from '@lineside/shared/contracts/permissions.ts';
import { expect, test } from 'vitest';

const GUIDE = new URL('../../../docs/operations/users.md', import.meta.url);

test('the guide says of every permission which roles have it', () => {
  const rows = readFileSync(GUIDE, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|').map((cell) => cell.trim()));
  const told = rows.map(([, word, ...cells]) => [word, ...cells.slice(0, ROLES.length).map((cell) => cell === 'x')]);
  const held = Object.entries(PERMISSIONS).map(([word, { roles }]) => [
    `\`${word}\``,
    ...ROLES.map((role) => (roles as readonly Role[]).includes(role)),
  ]);
  expect(told).toEqual(held);
});
