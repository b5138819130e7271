/** What a gateway refuses before it looks at a configuration of the hub. The rest is in test/e2e/write.test.ts. */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import type { LoadedConfig } from '../../gateway/config/load-config.ts';
import { ConfigPush } from '../../gateway/config-push.ts';
import { candidateOf, type RestartTrial } from '../../gateway/config-trial.ts';
import type { ReloadOutcome } from '../../gateway/reloader.ts';
import { tempDir } from '../services/temp-dir.ts';

const COMMAND = {
  id: 'c1',
  type: 'config.push',
  config: 'new',
  confirmWithinMs: 5_000,
  by: 'anna',
  at: 0,
  expiresAt: 0,
} as const;

async function rig({
  accept = true,
  result = 'applied' as ReloadOutcome['result'],
  trial = null as RestartTrial | null,
} = {}) {
  const folder = await tempDir();
  const file = join(folder, 'gateway.yaml');
  await writeFile(file, 'old');
  const seen: string[] = [];
  const running = { hub: { accept: accept ? ['config'] : [] } } as unknown as LoadedConfig;
  const push = new ConfigPush({
    file,
    running: () => running,
    load: async (path) => {
      seen.push(await readFile(path, 'utf8'));
      return running;
    },
    reload: async (by, load) => {
      await load();
      const changes = { added: [], changed: [], removed: [] };
      return {
        at: 1,
        by,
        result,
        problems: result === 'refused' ? [`${file}.pushed:3: no`] : [],
        changes,
        needsRestart: [],
      };
    },
    ...{ trial, notRestarted: () => '', restart: () => undefined, onTrial: () => undefined },
    ...{ onOutcome: () => undefined, now: Date.now },
    log: pino({ level: 'silent' }),
  });
  onTestFinished(() => push.stop());
  return { push, file, folder, seen };
}
const SOON = () => performance.now() + 10_000;

test('one that runs takes the place of the file when it is confirmed, once for each command', async () => {
  const { push, file, folder, seen } = await rig();
  const results = await Promise.all([push.take(COMMAND, SOON()), push.take(COMMAND, SOON())]);
  expect(results[0]).toBe(results[1]);
  expect(seen).toEqual(['new']);
  expect(results[0]).toMatchObject({ result: 'applied', trial: true });
  expect(await readFile(file, 'utf8')).toBe('old');
  await push.confirm('c1');
  await expect(push.confirm('c1')).rejects.toThrow(/not on trial any more/);
  expect(await readFile(file, 'utf8')).toBe('new');
  expect((await readdir(folder)).sort()).toEqual(['gateway.yaml', 'gateway.yaml.previous']);
});

test('one that it was started with is kept, also when the hub has seen it before all of it runs', async () => {
  const trial = { id: 'c1', by: 'anna', sha256: '', confirmWithinMs: 5_000, begun: false };
  const { push, file, folder } = await rig({ trial });
  await writeFile(candidateOf(file), 'new');
  await push.open('');
  const confirmed = push.confirm('c1');
  expect(await Promise.race([confirmed, new Promise((resolve) => setImmediate(() => resolve('waits')))])).toBe(
    'waits',
  );
  push.started();
  await confirmed;
  expect(push.trial).toBeUndefined();
  expect(await readFile(file, 'utf8')).toBe('new');
  expect((await readdir(folder)).sort()).toEqual(['gateway.yaml', 'gateway.yaml.previous']);
});

test('one that is refused leaves nothing behind, and names places as in the file', async () => {
  const { push, file, folder } = await rig({ result: 'refused' });
  expect(await push.take(COMMAND, SOON())).toMatchObject({ result: 'refused', problems: [`${file}:3: no`] });
  expect(await readdir(folder)).toEqual(['gateway.yaml']);
});

test('a gateway that does not accept any looks at none', async () => {
  const { push, seen } = await rig({ accept: false });
  const { problems } = await push.take(COMMAND, SOON());
  expect(problems[0]).toMatch(/add config to hub\.accept in it, at the machine/);
  expect(seen).toEqual([]);
});

test('one that comes too late is not looked at', async () => {
  const { push, seen } = await rig();
  expect((await push.take(COMMAND, performance.now() - 1)).problems[0]).toMatch(/too late/);
  expect(seen).toEqual([]);
});

test('a folder that takes no file is named', async () => {
  const { push, folder } = await rig();
  await rm(folder, { recursive: true });
  expect((await push.take(COMMAND, SOON())).problems[0]).toMatch(/may not write beside .*gateway\.yaml/);
});
