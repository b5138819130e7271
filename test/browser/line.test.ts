/** From a PLC to a picture, as its users see it: the whole demo, a real browser, and a machine that overheats. */
import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningDemo, startDemo } from '../services/demo.ts';

const CHROMIUM = '/usr/bin/chromium';
const FLAGS = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
];
const PATIENT = { timeout: 45_000 };
const MACHINES = ['Packer', 'Injection moulder', 'Pump station'];
const ALARM = 'Barrel zone 1 too hot';

describe.skipIf(!existsSync(CHROMIUM))(`the line in a browser (needs ${CHROMIUM})`, () => {
  let demo: RunningDemo;
  let browser: Browser;

  beforeAll(async () => {
    [demo, browser] = await Promise.all([
      startDemo({ env: { LINESIDE_DEMO_SPEED: '20' } }),
      chromium.launch({ executablePath: CHROMIUM, args: FLAGS }),
    ]);
  });

  afterAll(async () => {
    await browser?.close();
    await demo?.dispose();
  });

  async function signedIn(): Promise<Page> {
    const page = await browser.newPage({ viewport: { width: 1440, height: 1000 }, locale: 'en-GB' });
    await page.goto(demo.hubUrl);
    await page.getByLabel('Name').fill(demo.user);
    await page.getByLabel('Password', { exact: true }).fill(demo.password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    return page;
  }

  test('shows three live machines, raises an alarm when one overheats, and carries the acknowledgement to the machine', async () => {
    const hub = await signedIn();
    for (const name of MACHINES) {
      const tile = hub.getByRole('article', { name });
      // Whatever it is doing: at this pace the plant stops and starts within seconds.
      const state = tile.getByTestId('machine-state');
      await expect.poll(() => state.textContent(), PATIENT).toMatch(/Producing|Idle|Stopped|Down/);
      await tile.getByTestId('connection').getByText('Live').waitFor(PATIENT);
      await expect.poll(() => tile.getByTestId('oee').textContent(), PATIENT).toMatch(/\d/);
    }
    const zone = hub.getByRole('article', { name: 'Injection moulder' }).getByTestId('tile-value').first();
    const before = await zone.textContent();
    await expect.poll(() => zone.textContent(), PATIENT).not.toBe(before);

    const plant = await browser.newPage();
    await plant.goto(demo.demoUrl);
    await plant.locator('button[data-machine="moulder"][data-fault="overheat"]').click();

    const row = hub.getByRole('row').filter({ hasText: ALARM });
    await row.waitFor(PATIENT);
    const machine = await browser.newPage();
    await machine.goto(demo.localUrl);
    // The plant may have other alarms of its own at the same time.
    const local = machine.locator('#alarms .row').filter({ hasText: ALARM });
    await local.getByText('active, not acknowledged').waitFor(PATIENT);

    await row.getByRole('button', { name: 'Acknowledge', exact: true }).click();
    await row.getByText(/Acknowledged/).waitFor(PATIENT);
    await local.getByText(`active, acknowledged by ${demo.user}`).waitFor(PATIENT);

    await plant.locator('button[data-machine="moulder"][data-fault="overheat"]').click();
    await row.waitFor({ ...PATIENT, state: 'detached' });
    await local.waitFor({ ...PATIENT, state: 'detached' });
  });

  test('says so when the machine is cut off, and when it is back', async () => {
    const hub = await signedIn();
    const tile = hub.getByRole('article', { name: 'Pump station' });
    await tile.getByTestId('connection').getByText('Live').waitFor(PATIENT);
    const plant = await browser.newPage();
    await plant.goto(demo.demoUrl);
    const cut = plant.locator('button[data-machine="pump"][data-fault="networkCut"]');
    await cut.click();
    await tile.getByTestId('connection').getByText(/Stale/).waitFor(PATIENT);
    await tile.getByTestId('machine-state').getByText('Unknown').first().waitFor(PATIENT);
    await cut.click();
    await tile.getByTestId('connection').getByText('Live').waitFor(PATIENT);
  });
});
