/** An alarm lives at the gateway and is seen at the hub: what is said of it on either side reaches the other. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from '@lineside/shared/contracts/page.ts';
import { expect, test } from 'vitest';
import type { PlantRun } from '../services/plant-run.ts';
import { plantRuns } from '../services/plant-runs.ts';
import { describe as inWords, prove } from '../services/proof/proof.ts';

/** A machine with much else to do takes three times as long as an idle one, which takes 30 s. */
const PATIENCE_MS = 240_000;

const begin = plantRuns();

test(
  'an alarm, and its acknowledgement given while the gateway is dead, survive kills around each step',
  async () => {
    const run = await begin({ speed: 20 });
    await run.startAll();
    const cookie = await signIn(run);

    await run.fault('moulder', 'overheat', true);
    await run.until('the alarm is raised', ({ alarms }) => alarms.some(hot));
    await Promise.all([run.kill('gateway'), run.kill('hub')]);
    await Promise.all([run.start('gateway'), run.start('hub')]);
    // Killed before the alarm was on its disk, the gateway has never told it to anyone and raises it again.
    await expect.poll(() => alarmAtHub(run, cookie), { timeout: 30_000 }).toMatchObject({ state: 'unacknowledged' });
    const { id } = (await run.local()).alarms.find(hot)!;

    await run.kill('gateway');
    await acknowledge(run, cookie, id);
    await run.kill('hub');
    await Promise.all([run.start('gateway'), run.start('hub')]);
    await run.until('the acknowledgement has arrived', ({ alarms }) => alarms.find(hot)?.state === 'acknowledged');
    await run.kill('gateway');
    await run.fault('moulder', 'overheat', false);
    await run.start('gateway');
    await run.until('the alarm is over', ({ alarms }) => !alarms.some(hot));

    // One that lives in the machine: the answer goes all the way to the machine's own server, and comes back from there.
    await run.fault('packer', 'stop', true);
    await run.until('the machine has raised its own alarm', ({ alarms }) => alarms.some(guard));
    const own = (await run.local()).alarms.find(guard)!.id;
    await expect
      .poll(() => alarmAtHub(run, cookie, guard), { timeout: 30_000 })
      .toMatchObject({
        ...{ occurrence: own, state: 'unacknowledged', priority: 'medium', value: null, machineName: 'Packer' },
        message: 'Packer: Guard open; close it and start the machine',
      });
    await acknowledge(run, cookie, own);
    await run.until('the machine has taken it', ({ alarms }) => alarms.find(guard)?.state === 'acknowledged');
    await run.fault('packer', 'stop', false);
    await run.until('the machine’s own alarm is over', ({ alarms }) => !alarms.some(guard));
    await run.finish();

    const proof = await prove(run);
    process.stdout.write(`alarm kept: ${inWords(proof)}\n`);
    expect(proof.problems).toEqual([]);
    for (const [is, occurrence] of [
      [hot, id],
      [guard, own],
    ] as const) {
      const kept = proof.hub.alarms.filter(is);
      expect(kept).toHaveLength(1);
      expect(kept[0]).toMatchObject({ occurrence, state: 'normal', acknowledged_by: 'admin', comment: 'seen' });
      expect(kept[0]!.events.toSorted()).toEqual(['acknowledged', 'raised', 'returned']);
      expect(kept[0]!.returned_at).toBeGreaterThan(kept[0]!.acknowledged_at!);
    }
  },
  PATIENCE_MS,
);

const HOT = 'moulder-overheated';
const hot = ({ rule }: { rule: string }) => rule === HOT;
const guard = ({ rule }: { rule: string }) => rule === 'condition:packer/Packer/GuardOpen';

async function signIn({ hubUrl, hubDir }: PlantRun): Promise<string> {
  const password = (await readFile(join(hubDir, 'first-password'), 'utf8')).trim();
  const response = await post(`${hubUrl}/api/v1/login`, { name: 'admin', password });
  expect(response.status).toBe(200);
  return response.headers.get('set-cookie')!.split(';')[0]!;
}

async function acknowledge(run: PlantRun, cookie: string, occurrence: string): Promise<void> {
  const url = `${run.hubUrl}/api/v1/alarms/${occurrence}/acknowledge`;
  expect((await post(url, { comment: 'seen' }, cookie)).status).toBe(200);
}

/** What the hub says of the alarm; undefined while it does not know it. */
async function alarmAtHub(run: PlantRun, cookie: string, is = hot): Promise<{ state: string } | undefined> {
  const response = await fetch(`${run.hubUrl}/api/v1/alarms`, { headers: { cookie } });
  return ((await response.json()) as Page<{ rule: string; state: string }>).items.find(is);
}

function post(url: string, body: object, cookie = ''): Promise<Response> {
  const headers = { 'content-type': 'application/json', cookie };
  return fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
}
