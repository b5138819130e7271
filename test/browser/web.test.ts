import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { CHROMIUM, fillSignIn, hasChromium, launchChromium } from '../services/chromium.ts';
import { MOCK_LOGIN, MockHub } from '../services/mock-hub.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const DIST = join(ROOT, 'hub/web/dist');
const PATIENT = { timeout: 15_000 };

describe.skipIf(!hasChromium)(`the web app in a browser (needs ${CHROMIUM})`, { timeout: 60_000 }, () => {
  let browser: Browser;
  let hub: MockHub;
  let address: string;
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    // `npm test` has built it, and builds it anew when it is older than its sources.
    if (!existsSync(join(DIST, 'index.html')))
      await promisify(execFile)('npm', ['run', 'build', '-w', 'hub/web'], { cwd: ROOT });
    browser = await launchChromium();
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
  });

  beforeEach(async () => {
    hub = new MockHub(DIST);
    hub.acknowledgeDelayMs = 300;
    address = await hub.start();
    page = await browser.newPage({ viewport: { width: 1280, height: 900 }, locale: 'en-GB' });
    complaints = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (/Content Security Policy|Warning/i.test(message.text())) complaints.push(message.text());
    });
  });

  afterEach(async () => {
    await page.close();
    await hub.stop();
    expect(complaints).toEqual([]);
  });

  async function signIn(): Promise<void> {
    await page.goto(address);
    await fillSignIn(page, MOCK_LOGIN.name, MOCK_LOGIN.password);
    await tile('Packer').waitFor(PATIENT);
    await pill('Live');
  }

  const tile = (name: string): Locator => page.getByRole('article', { name, exact: true });
  const alarm = (message: string): Locator => page.getByRole('row').filter({ hasText: message });
  const pill = (words: string): Promise<void> =>
    page.getByTestId('connection-pill').filter({ hasText: words }).waitFor(PATIENT);

  test('the page of gateways shows what is wrong at the hub, and what will be', async () => {
    hub.health.faults.push(
      'the certificate of the broker (mqtt.tls.certFile /etc/hub.pem) has ended 2026-11-01: renew it',
    );
    hub.health.notices.push(
      'the certificate of pages and API (http.tls.certFile /etc/web.pem) ends in 9 days: renew it',
    );
    await signIn();
    await page.getByRole('link', { name: 'Gateways' }).click();
    const [fault, notice] = [page.getByRole('alert').nth(0), page.getByRole('alert').nth(1)];
    await fault.filter({ hasText: 'The certificate of the broker' }).waitFor(PATIENT);
    expect(await notice.textContent()).toMatch(/pages and API .*ends in 9 days: renew it\.$/);
  });

  test('a day of each gateway is told complete or not, with what is missing and why', async () => {
    await signIn();
    await page.getByRole('button', { name: 'Data completeness' }).click();
    const dialog = page.getByRole('dialog', { name: 'Data completeness' });
    await dialog.getByRole('button', { name: 'Day before' }).click();
    const [lossy, sound] = ['line-1', 'line-2'].map((name) =>
      dialog.getByTestId('gateway-day').filter({ hasText: name }),
    );
    await lossy!.getByText('Something is missing').waitFor(PATIENT);
    await lossy!.getByText('60,000 samples', { exact: true }).waitFor(PATIENT);
    await lossy!.getByRole('img', { name: /did not answer from 01:00:00 to 01:12:00/ }).waitFor(PATIENT);
    await lossy!.getByText(/clock was set back by 1 min 30 s/).waitFor(PATIENT);
    await sound!.getByText('Complete', { exact: true }).waitFor(PATIENT);
    await dialog.getByRole('button', { name: 'Today' }).click();
    await sound!.getByText('Still open').waitFor(PATIENT);
  });

  test('a device that is no machine yet is proposed as one, with the lines for the plant’s file', async () => {
    await signIn();
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'], { origin: new URL(address).origin });
    const strip = page.getByTestId('gateway').filter({ hasText: 'sparkplug:sawmill/edge-7' });
    await strip.getByRole('button', { name: 'Not on the dashboard yet: saw-3' }).click();
    const proposal = page.getByRole('dialog').getByTestId('proposal');
    await proposal.getByText('1,480.50 1/min').waitFor(PATIENT);
    await proposal.getByRole('button', { name: 'Copy the lines for saw-3' }).click();
    await proposal.getByText('Copied').waitFor(PATIENT);
    const copied = await page.evaluate('navigator.clipboard.readText()');
    expect(copied).toContain('gateway: "sparkplug:sawmill/edge-7"\n  device: "saw-3"\n');
    expect(await page.getByRole('button', { name: /Not on the dashboard yet/ }).count()).toBe(1);
  });

  test('a wrong password is said so, too many are asked to wait, the right one shows the line', async () => {
    await page.goto(address);
    await page.getByLabel('Name', { exact: true }).fill(MOCK_LOGIN.name);
    for (let attempt = 1; attempt <= 5; attempt++) {
      await page.getByLabel('Password', { exact: true }).fill(`wrong ${attempt}`);
      const answer = page.waitForResponse('**/api/v1/login');
      await page.getByRole('button', { name: 'Sign in' }).click();
      await answer;
      await page.getByText('Name or password is wrong').waitFor(PATIENT);
    }
    await page.getByLabel('Password', { exact: true }).fill('wrong again');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText(/Try again in \d+ s/).waitFor(PATIENT);
    expect(await page.getByRole('button', { name: 'Sign in' }).isDisabled()).toBe(true);
  });

  test('shows three machines: one live and moving, one with what is not known, one behind a lost gateway', async () => {
    await signIn();
    const packer = tile('Packer');
    expect(await packer.getByTestId('machine-state').textContent()).toContain('Producing');
    const speed = packer.getByTestId('tile-value').first();
    const first = await speed.textContent();
    await expect.poll(() => speed.textContent(), PATIENT).not.toBe(first);

    const moulder = tile('Injection moulder');
    await moulder.getByRole('img', { name: 'OEE not known' }).waitFor();
    expect(await moulder.getByTestId('oee-reason').textContent()).toContain('ideal cycle time');
    expect(await moulder.getByText('Sensor failure').count()).toBe(1);
    expect(await moulder.locator('s').textContent()).toContain('61');

    expect(await tile('Pump station').getByTestId('stale-banner').textContent()).toContain('Gateway offline since');
    expect(await packer.getByTestId('stale-banner').count()).toBe(0);

    hub.send(hub.plant.setConnection('Packer', { status: 'stale', since: Date.now(), reason: 'The PLC is silent.' }));
    await packer.getByTestId('stale-banner').filter({ hasText: 'The PLC is silent.' }).waitFor(PATIENT);
  });

  test('an alarm is acknowledged, says that it is on its way, and then who has taken it', async () => {
    await signIn();
    const row = alarm('Seal bar too hot');
    await row.getByRole('button', { name: 'Acknowledge' }).click();
    await row.getByText('on its way to the gateway').waitFor(PATIENT);
    await row.getByText('Acknowledged by admin').waitFor(PATIENT);

    const commented = alarm('Guard door open');
    await commented.getByRole('button', { name: 'Add a comment first' }).click();
    await page.getByLabel('Comment', { exact: true }).fill('Door closed again.');
    await page.getByRole('button', { name: 'Confirm with comment' }).click();
    await commented.getByText('Door closed again.').waitFor(PATIENT);

    await page.getByText('History', { exact: true }).click();
    await alarm('Film roll nearly empty').waitFor(PATIENT);
  });

  test('a value is set within its limits, and the log says who, what and what became of it', async () => {
    await signIn();
    const panel = page.getByRole('region', { name: 'Setpoints' });
    await panel.getByRole('button', { name: 'Set Target speed of Packer' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('New value').fill('150');
    await dialog.getByText('At most 130.').waitFor(PATIENT);
    expect(await dialog.getByRole('button', { name: 'Set', exact: true }).isDisabled()).toBe(true);
    await dialog.getByLabel('New value').fill('110,5');
    await dialog.getByLabel('Comment').fill('thin film');
    await dialog.getByRole('button', { name: 'Set to 110.5 1/min' }).click();
    await dialog.getByText('It was 120 1/min and is 110.5 1/min now').waitFor(PATIENT);
    // The one in the head of the dialog has the same name.
    await dialog.getByRole('button', { name: 'Close', exact: true }).last().click();

    await panel.getByRole('button', { name: 'Set Mode of Packer' }).click();
    await dialog.getByRole('combobox', { name: 'New value' }).click();
    await page.getByRole('option', { name: 'Manual' }).click();
    await dialog.getByRole('button', { name: 'Set', exact: true }).click();
    await dialog.getByText('the device refused it: exception 4').waitFor(PATIENT);
    await dialog.getByRole('button', { name: 'Cancel' }).click();

    await panel.getByRole('button', { name: 'Set Heaters of Injection moulder' }).click();
    await dialog.getByRole('radiogroup', { name: 'New value' }).getByText('Off').click();
    await dialog.getByRole('button', { name: 'Set to Off' }).click();
    await dialog.getByText('not known whether it was written').waitFor(PATIENT);
    await dialog.getByRole('button', { name: 'Cancel' }).click();

    await panel.getByText('Log', { exact: true }).click();
    await expect
      .poll(() => panel.getByTestId('write-row').allTextContents(), PATIENT)
      .toEqual([
        expect.stringMatching(/admin.*heaters.*— → Off.*Not known/),
        expect.stringMatching(/admin.*mode.*Automatic → Manual.*Not written.*exception 4/),
        expect.stringMatching(/admin.*targetSpeed.*120 1\/min → 110.5 1\/min.*Written.*thin film/),
      ]);
  });

  test('the chart draws on, rests under the pointer, and takes a value from a tile', async () => {
    await signIn();
    const chart = page.getByTestId('trend-chart');
    const canvas = chart.locator('canvas');
    await canvas.waitFor(PATIENT);
    await canvas.scrollIntoViewIfNeeded();
    await page.mouse.move(2, 2);
    const picture = () => canvas.evaluate((node) => (node as unknown as { toDataURL(): string }).toDataURL());
    const before = await picture();
    await expect.poll(picture, PATIENT).not.toBe(before);

    await chart.hover();
    await page.getByText(/Paused · /).waitFor(PATIENT);
    await page.mouse.move(2, 2);
    await page.getByText('Point at the chart to pause').waitFor(PATIENT);

    const lines = page.getByRole('list', { name: 'Lines of the chart' });
    expect(await lines.textContent()).not.toContain('Film tension');
    await tile('Packer')
      .getByRole('button', { name: /Film tension/ })
      .click();
    await lines.filter({ hasText: 'Film tension' }).waitFor(PATIENT);
    await tile('Injection moulder')
      .getByRole('button', { name: /Injection/ })
      .click();
    await lines.filter({ hasText: 'bar' }).waitFor(PATIENT);
    expect(await lines.textContent()).not.toContain('Film tension');
  });

  test('a hub that dies leaves its picture marked as old; when it is back the page goes on by itself', async () => {
    await signIn();
    await hub.stop();
    await pill('Hub not reachable since');
    await page.getByTestId('hub-lost').waitFor(PATIENT);
    expect(await tile('Packer').getByTestId('stale-banner').textContent()).toContain('Not updated since');
    expect(await tile('Packer').textContent()).toContain('78.8');
    await hub.start(hub.port);
    await pill('Live');
    await expect.poll(() => page.getByTestId('hub-lost').count(), PATIENT).toBe(0);
  });

  test('a session that ends leads back to the sign-in', async () => {
    await signIn();
    hub.endSessions();
    await page.getByText('Your session has ended').waitFor(PATIENT);
    await page.getByLabel('Password', { exact: true }).waitFor();
  });

  test.each([360, 768, 1280])('nothing scrolls sideways at %i pixels', async (width) => {
    await page.setViewportSize({ width, height: 800 });
    await signIn();
    await page.getByTestId('trend-chart').locator('canvas').waitFor(PATIENT);
    const overflow = await page.evaluate('document.documentElement.scrollWidth - window.innerWidth');
    expect(overflow).toBeLessThanOrEqual(0);
  });
});
