import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { missingFrom } from '../../.ci/complete-lock.ts';

const ROOT = resolve(import.meta.dirname, '../..');

test('the lock file knows the packages of every platform, so that npm ci takes it anywhere (npm run lock completes it)', () => {
  expect(missingFrom(JSON.parse(readFileSync(resolve(ROOT, 'package-lock.json'), 'utf8')))).toEqual([]);
});

test.each(['.', 'shared', 'gateway', 'hub', 'hub/web', 'demo'])('%s names exact versions only', (workspace) => {
  const file = JSON.parse(readFileSync(resolve(ROOT, workspace, 'package.json'), 'utf8'));
  for (const [name, version] of Object.entries({ ...file.dependencies, ...file.devDependencies })) {
    expect(version, name).toMatch(/^\d+\.\d+\.\d+(-[\w.]+)?$/);
  }
});
