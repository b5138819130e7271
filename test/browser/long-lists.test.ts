/** Lists of a whole company, on a desk and on a phone: what needs somebody is in view, and the page stays short. */
import type { RolloutView } from '@lineside/shared/contracts/rollout.ts';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CHROMIUM, fillSignIn, hasChromium, launchChromium } from '../services/chromium.ts';
import { gatewayStatus } from '../services/hub-world.ts';
import { startTestHub, type TestHub } from '../services/test-hub.ts';

const PATIENT = { timeout: 15_000 };
const MANY = 500;

describe.skipIf(!hasChromium)(`long lists in a browser (needs ${CHROMIUM})`, { timeout: 60_000 }, () => {
  let hub: TestHub;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    [hub, browser] = await Promise.all([startTestHub(), launchChromium()]);
    const now = Date.now();
    for (let i = 1; i <= MANY; i++) {
      hub.board.report(
        gatewayStatus({ gateway: `line-${i}`, at: now, startedAt: now, online: i !== 400, up: i !== 77 }),
      );
    }
    page = await browser.newPage({ viewport: { width: 390, height: 844 }, locale: 'en-GB' });
    await page.goto(`${hub.url}/#/gateways`);
    await fillSignIn(page, 'admin', hub.password);
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    await hub?.close();
  });

  const overflow = () => page.evaluate('document.documentElement.scrollWidth - window.innerWidth');

  test('of 500 gateways those with which something is not well stand first, and the others come on a press', async () => {
    const rows = page.getByTestId('fleet-row');
    await expect.poll(() => rows.count(), PATIENT).toBe(100);
    expect(await rows.nth(0).textContent()).toContain('line-400');
    expect(await rows.nth(1).textContent()).toContain('line-77');
    await page.getByRole('button', { name: 'Show more: 400 are left' }).click();
    await expect.poll(() => rows.count(), PATIENT).toBe(200);
    expect(await overflow()).toBeLessThanOrEqual(0);
    await page.goto(`${hub.url}/#/`);
    const strip = page.getByTestId('gateway');
    await strip.first().getByText('line-400').waitFor(PATIENT);
    expect(await strip.count()).toBe(12);
    await page.getByRole('link', { name: 'All 500 gateways' }).click();
    await rows.first().waitFor(PATIENT);
  });

  test('of a rollout to 500 gateways the wave that is under way is in view', async () => {
    const stateOf = (i: number) => (i < 166 ? 'done' : i < 171 ? 'running' : 'waiting');
    const gateways: RolloutView['gateways'] = Array.from({ length: MANY }, (_, i) => ({
      ...{ gateway: `line-${i + 1}`, wave: 1 + Math.ceil(i / 5), state: stateOf(i), detail: '', changedAt: 1 },
    }));
    const rollout: RolloutView = {
      ...{ id: 'r', by: 'anna', at: Date.now(), endedAt: null, state: 'running', reason: '', gateways },
    };
    await page.route('**/api/v1/rollouts', (route) => route.fulfill({ json: { items: [rollout], next: null } }));
    await page.goto(`${hub.url}/#/rollouts`);
    const card = page.getByTestId('rollout');
    await card.getByText('166 gateways have it').waitFor(PATIENT);
    await card.getByText('Wave 35').waitFor(PATIENT);
    expect(await card.getByRole('link', { name: 'line-168' }).isVisible()).toBe(true);
    expect(await card.getByRole('link', { name: 'line-300' }).isVisible()).toBe(false);
    await card.getByText('329 gateways wait').click();
    await card.getByRole('link', { name: 'line-300' }).waitFor(PATIENT);
    expect(await overflow()).toBeLessThanOrEqual(0);
  });
});
