/**
 * Nothing lost: the real programs, killed and cut off in every way that a line knows, and afterwards three accounts
 * of the same values compared: what the plant served, what the gateway made durable, what the hub stored.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { PlantRun } from '../services/plant-run.ts';
import { describe as inWords, prove } from '../services/proof/proof.ts';

/** How long something stays dead. Milliseconds. */
const OUTAGE_MS = 1_000;
/** A machine with much else to do takes three times as long as an idle one, which takes 40 s. */
const PATIENCE_MS = 240_000;
/** Samples that are to arrive between two outages. */
const BETWEEN = 60;

let run: PlantRun | undefined;

afterEach(async ({ task }) => {
  const keep = task.result?.state === 'fail';
  await run?.dispose({ keep });
  if (keep) console.error(`the failed run is kept in ${run?.dir}`);
  run = undefined;
});

function lasting(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, OUTAGE_MS));
}

test(
  'every value is in the hub exactly once, in order, after kills of every program and a broken network',
  async () => {
    run = await PlantRun.create({ speed: 20 });
    await run.startAll();
    await run.untilDelivered(BETWEEN);

    await run.killAtWrite('hub', 1);
    await lasting();
    await run.start('hub');
    await run.untilDelivered(BETWEEN);

    await run.killAtWrite('gateway', 0);
    await lasting();
    await run.start('gateway');
    await run.untilDelivered(BETWEEN);

    await Promise.all([run.kill('gateway'), run.kill('hub')]);
    await lasting();
    await Promise.all([run.start('gateway'), run.start('hub')]);
    await run.untilDelivered(BETWEEN);

    run.wire.cut();
    await lasting();
    run.wire.mend();
    await run.untilDelivered(BETWEEN);

    // A hub whose machine loses its power says no goodbye: the gateway has to notice by itself. Its devices go, too.
    run.wire.halfOpen();
    await Promise.all([run.kill('hub'), run.kill('plant')]);
    await lasting();
    await Promise.all([run.start('hub'), run.start('plant')]);
    await run.untilDelivered(BETWEEN);
    await run.finish();

    const proof = await prove(run);
    process.stdout.write(`nothing lost: ${inWords(proof)}\n`);
    expect(proof.problems).toEqual([]);
    expect(proof.truth).toMatchObject({ missing: 0, unexplained: 0 });
    expect(proof.stored).toMatchObject({ lost: 0, duplicated: 0, outOfOrder: 0 });
    // What stays with the gateway is its last word on its devices, said when it had been told to stop.
    expect(proof.stored.undelivered.length).toBeLessThanOrEqual(3);
    expect(proof.hub.samples).toBeGreaterThan(6 * BETWEEN);
    expect(proof.truth.buffered).toBeGreaterThan(proof.truth.excused / 2);
  },
  PATIENCE_MS,
);

test(
  'an alarm, and its acknowledgement given while the gateway is dead, survive kills around each step',
  async () => {
    run = await PlantRun.create({ speed: 20 });
    await run.startAll();
    const cookie = await signIn(run);

    await run.fault('moulder', 'overheat', true);
    await run.until('the alarm is raised', ({ alarms }) => alarms.some(hot));
    await Promise.all([run.kill('gateway'), run.kill('hub')]);
    await Promise.all([run.start('gateway'), run.start('hub')]);
    // Killed before the alarm was on its disk, the gateway has never told it to anyone and raises it again.
    await expect.poll(() => alarmAtHub(cookie), { timeout: 30_000 }).toMatchObject({ state: 'unacknowledged' });
    const { id } = (await run.local()).alarms.find(hot)!;

    await run.kill('gateway');
    await acknowledge(cookie, id);
    await run.kill('hub');
    await Promise.all([run.start('gateway'), run.start('hub')]);
    await run.until('the acknowledgement has arrived', ({ alarms }) => alarms.find(hot)?.state === 'acknowledged');
    await run.kill('gateway');
    await run.fault('moulder', 'overheat', false);
    await run.start('gateway');
    await run.until('the alarm is over', ({ alarms }) => !alarms.some(hot));
    await run.finish();

    const proof = await prove(run);
    process.stdout.write(`alarm kept: ${inWords(proof)}\n`);
    expect(proof.problems).toEqual([]);
    const own = proof.hub.alarms.filter(({ rule }) => rule === HOT);
    expect(own).toHaveLength(1);
    expect(own[0]).toMatchObject({ occurrence: id, state: 'normal', acknowledged_by: 'admin', comment: 'seen' });
    expect(own[0]!.events.toSorted()).toEqual(['acknowledged', 'raised', 'returned']);
    expect(own[0]!.returned_at).toBeGreaterThan(own[0]!.acknowledged_at!);
  },
  PATIENCE_MS,
);

const HOT = 'moulder-overheated';
const hot = ({ rule }: { rule: string }) => rule === HOT;

async function signIn({ hubUrl, hubDir }: PlantRun): Promise<string> {
  const password = (await readFile(join(hubDir, 'first-password'), 'utf8')).trim();
  const response = await post(`${hubUrl}/api/v1/login`, { name: 'admin', password });
  expect(response.status).toBe(200);
  return response.headers.get('set-cookie')!.split(';')[0]!;
}

async function acknowledge(cookie: string, occurrence: string): Promise<void> {
  const url = `${run!.hubUrl}/api/v1/alarms/${occurrence}/acknowledge`;
  expect((await post(url, { comment: 'seen' }, cookie)).status).toBe(200);
}

/** What the hub says of the alarm; undefined while it does not know it. */
async function alarmAtHub(cookie: string): Promise<{ state: string } | undefined> {
  const response = await fetch(`${run!.hubUrl}/api/v1/alarms`, { headers: { cookie } });
  return ((await response.json()) as { rule: string; state: string }[]).find(hot);
}

function post(url: string, body: object, cookie = ''): Promise<Response> {
  const headers = { 'content-type': 'application/json', cookie };
  return fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
}
