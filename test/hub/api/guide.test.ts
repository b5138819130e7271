/** The commands of docs/api.md, run as they stand against a real hub. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { problemOf } from '../../../hub/api/problem-list.ts';
import { gatewayStatus } from '../../services/hub-world.ts';
import { columns, record } from '../../services/samples.ts';
import { startTestHub, type TestHub } from '../../services/test-hub.ts';

const run = promisify(execFile);
const T0 = 1_781_510_400_000;

let hub: TestHub;
let auth: string;
const text = await readFile(new URL('../../../docs/api.md', import.meta.url), 'utf8');
const commands = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block!.trim());

beforeAll(async () => {
  hub = await startTestHub();
  // What a key does too.
  auth = `Cookie: ${await hub.signIn()}`;
  const tag = { gateway: 'line-1', device: 'packer', unit: '', description: '', type: 'float64' as const };
  hub.board.catalog.add([{ ...tag, id: 1, name: 'oil temperature' }]);
  hub.board.report(gatewayStatus());
  hub.board.observe(columns([1, T0, 71]));
  await hub.stores.timeSeries.append([record(1, columns([1, T0, 71]))]);
});
afterAll(() => hub.close());

test.each(commands)('%s', async (block) => {
  const env = { PATH: process.env.PATH!, HUB: hub.url, AUTH: auth };
  const { stdout } = await run('bash', ['-euc', block], { env, timeout: 20_000 });
  // Each command prints one JSON document.
  const answers = stdout.split(/(?<=\})(?=\{)/).map((answer) => JSON.parse(answer) as Record<string, unknown>);
  expect(answers.length).toBe(block.split('curl').length - 1 - (block.includes('$(') ? 1 : 0));
  for (const answer of answers) {
    // Where the text shows a problem, it is the one that it speaks of.
    if ('code' in answer) expect(['TAG_NOT_FOUND', 'TAG_NOT_WRITABLE']).toContain(answer.code);
    else if ('items' in answer && !block.includes('alarms')) expect(answer.items).not.toEqual([]);
  }
});

test('the problems that it names are problems of the list', () => {
  const named = [...text.matchAll(/`([A-Z]+(?:_[A-Z]+)+)`/g)].map(([, code]) => code!);
  expect(named.length).toBeGreaterThan(8);
  expect(named.filter((code) => !problemOf(code))).toEqual([]);
});
