/** People in a browser, at a hub with real stores: who they are, what they may do, and who says so. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { takeProvenUser } from '../../hub/auth/provider-users.ts';
import { CHROMIUM, fillSignIn, hasChromium, launchChromium } from '../services/chromium.ts';
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
    await fillSignIn(page, name, password);
    return page;
  }

  test('a user that an administrator adds chooses a password first, and sees of the page what the role may do', async () => {
    const admin = await signIn('admin', hub.password);
    await admin.getByRole('link', { name: 'Administration' }).click();
    await admin.getByRole('button', { name: 'Add a user' }).click();
    const dialog = admin.getByRole('dialog');
    await dialog.getByLabel('Name', { exact: true }).fill('Weber');
    await dialog.getByRole('button', { name: 'Add the user' }).click();
    await dialog.getByText(/^Small letters, digits .* beginning with/).waitFor(PATIENT);
    await dialog.getByLabel('Name', { exact: true }).fill('m.weber');
    await dialog.getByLabel('Full name').fill('Maria Weber');
    await dialog.getByRole('button', { name: 'Add the user' }).click();
    const password = await dialog.getByTestId('secret').textContent(PATIENT);
    await dialog.getByRole('button', { name: 'I have it' }).click();
    const row = admin.getByTestId('user-row').filter({ hasText: 'm.weber' });
    await row.getByText('Has to choose a password').waitFor(PATIENT);

    const page = await signIn('m.weber', password!);
    await page.getByRole('heading', { name: 'Choose your password' }).waitFor(PATIENT);
    const choose = async (next: string, again: string) => {
      await page.getByLabel('New password', { exact: true }).fill(next);
      await page.getByLabel('New password, again').fill(again);
      await page.getByRole('button', { name: 'Change the password' }).click();
    };
    await choose('short', 'shorter');
    await page.getByText('This has 5 of at least 12 characters.').waitFor(PATIENT);
    await page.getByText('This is not the same as above.').waitFor(PATIENT);
    await choose('abcabcabcabc', 'abcabcabcabc');
    await page.getByText(/^This password repeats or counts/).waitFor(PATIENT);
    await choose(OWN, OWN);
    await page.getByRole('link', { name: 'Gateways' }).waitFor(PATIENT);
    expect(await page.getByRole('link', { name: 'Administration' }).count()).toBe(0);
    await page.goto(`${hub.url}/#/administration/users`);
    await page.getByText('This is for administrators').waitFor(PATIENT);

    await page.getByRole('button', { name: 'Signed in as m.weber' }).click();
    await page.getByText('Role: operator').waitFor(PATIENT);
    await row.getByRole('button', { name: 'Change m.weber' }).click();
    await admin.getByRole('menuitem', { name: 'Disable' }).click();
    await dialog.getByRole('button', { name: 'Disable' }).click();
    await row.getByText('Disabled', { exact: true }).waitFor(PATIENT);
    // An open page learns it within seconds; one that asks, at once.
    await page.reload();
    await page.getByLabel('Password', { exact: true }).waitFor(PATIENT);

    await admin.getByText('Audit log', { exact: true }).click();
    const change = admin.getByTestId('audit-row').filter({ hasText: 'user.change' }).first();
    await change.getByText('no → yes').waitFor(PATIENT);
    await change.getByRole('button', { name: 'm.weber' }).click();
    await expect
      .poll(() => admin.getByTestId('audit-row').filter({ hasNotText: 'm.weber' }).count(), PATIENT)
      .toBe(0);
    await Promise.all([page.close(), admin.close()]);
  });

  test('a key is told once, and opens nothing after it is revoked', async () => {
    const page = await signIn('admin', hub.password);
    await page.getByRole('link', { name: 'Administration' }).click();
    await page.getByText('API keys', { exact: true }).click();
    await page.getByText('There is no API key yet').waitFor(PATIENT);
    await page.getByRole('button', { name: 'Make a key' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name').fill('Grafana');
    await dialog.getByRole('combobox', { name: 'Scopes' }).click();
    await page.getByRole('option', { name: 'plant.read' }).click();
    await dialog.getByText('Make an API key').click();
    await dialog.getByRole('button', { name: 'Make the key' }).click();
    const authorization = `Bearer ${await dialog.getByTestId('secret').textContent(PATIENT)}`;
    await dialog.getByRole('button', { name: 'I have it' }).click();
    const opens = async () => (await fetch(`${hub.url}/api/v1/equipment`, { headers: { authorization } })).status;
    expect(await opens()).toBe(200);
    await page.getByRole('button', { name: 'Revoke Grafana' }).click();
    await dialog.getByRole('button', { name: 'Revoke' }).click();
    await page.getByText(/^Revoked .* by admin$/).waitFor(PATIENT);
    expect(await opens()).toBe(401);
    await page.close();
  });

  test('who signs in at a provider is not offered to change a password that is not here', async () => {
    const proven = { issuer: 'https://login.example', subject: 'u-1', name: 'oz@acme.example', fullName: 'Anna Öz' };
    const origin = { address: '', requestId: '' };
    await takeProvenUser(hub.stores.db, { ...proven, role: 'operator', sites: null }, origin, Date.now());
    const value = await hub.access.sessions.open(proven.name);
    const context = await browser.newContext({ locale: 'en-GB' });
    await context.addCookies([{ name: 'lineside_session', value, url: hub.url }]);
    const page = await context.newPage();
    await page.goto(hub.url);
    await page.getByLabel('Signed in as oz@acme.example').click();
    await page.getByRole('menuitem', { name: 'Sign out' }).waitFor(PATIENT);
    expect(await page.getByRole('menuitem').allTextContents()).toEqual(['Sign out']);
    await context.close();
    const own = await signIn('admin', hub.password);
    await own.getByLabel('Signed in as admin').click();
    await own.getByRole('menuitem', { name: 'Change password' }).waitFor(PATIENT);
    await own.close();
  });

  test('what went wrong at the provider of identities is told in words, once', async () => {
    const page = await browser.newPage();
    await page.goto(`${hub.url}/?signIn=PROVIDER_NO_ROLE`);
    await page.getByText('You have no access here').waitFor(PATIENT);
    expect(page.url()).not.toContain('signIn');
    await page.close();
  });
});
