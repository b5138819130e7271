/** People in a browser, at a hub with real stores: who they are, what they may do, and who says so. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CHROMIUM, hasChromium, launchChromium } from '../services/chromium.ts';
import { startTestHub, type TestHub } from '../services/test-hub.ts';

const PATIENT = { timeout: 15_000 };
const OWN = 'tractor seven moon';

describe.skipIf(!hasChromium)(`accounts in a browser (needs ${CHROMIUM})`, { timeout: 60_000 }, () => {
  let hub: TestHub;
  let browser: Browser;

  beforeAll(async () => {
    [hub, browser] = await Promise.all([startTestHub(), launchChromium()]);
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    await hub?.close();
  });

  async function signIn(name: string, password: string): Promise<Page> {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, locale: 'en-GB' });
    await page.goto(hub.url);
    await page.getByLabel('Name', { exact: true }).fill(name);
    await page.getByLabel('Password', { exact: true }).fill(password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    return page;
  }

  test('who comes with a password from somebody else chooses another one first, and is told what is wrong with it', async () => {
    const actor = { name: 'admin', kind: 'user', address: 'test', requestId: '' } as const;
    const made = await hub.access.users.create(actor, {
      name: 'm.weber',
      fullName: '',
      role: 'operator',
      sites: null,
    });
    const page = await signIn('m.weber', made.password);
    await page.getByRole('heading', { name: 'Choose your password' }).waitFor(PATIENT);

    const choose = async (password: string, again: string) => {
      await page.getByLabel('New password', { exact: true }).fill(password);
      await page.getByLabel('New password, again').fill(again);
      await page.getByRole('button', { name: 'Change the password' }).click();
    };
    await choose('short', 'shorter');
    await page.getByText('This has 5 of at least 12 characters.').waitFor(PATIENT);
    await page.getByText('This is not the same as above.').waitFor(PATIENT);
    await choose('abcabcabcabc', 'abcabcabcabc');
    await page.getByText(/^This password repeats or counts/).waitFor(PATIENT);
    await choose(OWN, OWN);

    await page.getByRole('button', { name: 'Signed in as m.weber' }).click();
    await page.getByText('Role: operator').waitFor(PATIENT);
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await page.getByText('You are signed out.').waitFor(PATIENT);
    expect((await hub.access.users.get('m.weber')).mustChangePassword).toBe(false);
    await page.close();
  });

  test('what went wrong at the provider of identities is told in words, once', async () => {
    const page = await browser.newPage();
    await page.goto(`${hub.url}/?signIn=PROVIDER_NO_ROLE`);
    await page.getByText('You have no access here').waitFor(PATIENT);
    expect(page.url()).not.toContain('signIn');
    await page.close();
  });
});
