/** Letting a gateway in and shutting it out, in a browser, at a hub with real stores; the gateway asks as one does. */
import { parseToken, prove } from '@lineside/shared/enrolment/token.ts';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newKey, requestFor } from '../../gateway/identity/key-and-request.ts';
import { CHROMIUM, fillSignIn, hasChromium, launchChromium } from '../services/chromium.ts';
import { gatewayStatus } from '../services/hub-world.ts';
import { startTestHub, type TestHub } from '../services/test-hub.ts';

const PATIENT = { timeout: 15_000 };

describe.skipIf(!hasChromium)(`enrolment in a browser (needs ${CHROMIUM})`, { timeout: 60_000 }, () => {
  let hub: TestHub;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    [hub, browser] = await Promise.all([startTestHub(), launchChromium()]);
    page = await browser.newPage({ viewport: { width: 1280, height: 900 }, locale: 'en-GB' });
    await page.goto(`${hub.url}/#/gateways`);
    await fillSignIn(page, 'admin', hub.password);
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    await hub?.close();
  });

  /** The command that is to be typed at the machine. */
  async function makeToken(id: string): Promise<string> {
    const dialog = page.getByRole('dialog');
    await page.getByRole('button', { name: 'Enrol a gateway' }).click();
    await dialog.getByLabel('Id of the gateway').fill('line 9');
    await dialog.getByText(/^Letters, digits/).waitFor(PATIENT);
    await dialog.getByLabel('Id of the gateway').fill(id);
    await dialog.getByRole('button', { name: 'Make the token' }).click();
    const steps = dialog.getByRole('list', { name: 'What to do at the machine' });
    return (await steps.locator('code').first().textContent(PATIENT)) ?? '';
  }

  async function enrol(command: string): Promise<{ status: number; code?: string }> {
    const [, address, text] = /--hub (\S+) --token (\S+) /.exec(command)!;
    const { id, secret, gateway } = parseToken(text!)!;
    const open = { token: id, gateway, csr: await requestFor(gateway, await newKey()), at: Date.now() };
    const response = await fetch(`${address}/api/v1/enrol`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...open, proof: prove(secret, open) }),
    });
    return { status: response.status, ...((await response.json()) as { code?: string }) };
  }

  test('a token that nobody has used is seen by all who may enrol, and opens nothing when it is withdrawn', async () => {
    const command = await makeToken('line-9');
    expect(command).toMatch(/^sudo gateway enrol --hub http:\S+ --token lsg1\.line-9\.\S+ --config \/etc\/lineside/);
    const dialog = page.getByRole('dialog');
    await dialog.getByText(/good once and for line-9 only, for (59 min|1 h)/).waitFor(PATIENT);
    await dialog.getByRole('button', { name: 'I have it' }).click();
    const waiting = page.getByTestId('open-token').filter({ hasText: 'line-9' });
    await waiting.getByText(/by a token of admin/).waitFor(PATIENT);
    await waiting.getByRole('button', { name: 'Withdraw the token for line-9' }).click();
    await dialog.getByRole('button', { name: 'Withdraw', exact: true }).click();
    await waiting.waitFor({ ...PATIENT, state: 'detached' });
    expect(await enrol(command)).toMatchObject({ status: 410, code: 'TOKEN_EXPIRED' });
  });

  test('the dialog says when the gateway has its certificate and when it has come; its certificate can be revoked', async () => {
    const command = await makeToken('line-1');
    const dialog = page.getByRole('dialog');
    expect((await enrol(command)).status).toBe(200);
    await dialog.getByText(/^Enrolled .* it has its certificate/).waitFor(PATIENT);
    await dialog.getByText('Waiting for line-1').waitFor(PATIENT);
    const certificate = { serial: '1f3a9c', notBefore: Date.now(), notAfter: Date.now() + 86_400_000_000 };
    hub.board.report(gatewayStatus({ certificate }));
    await dialog.getByText('line-1 is here').waitFor(PATIENT);
    await dialog.getByRole('link', { name: 'Show it' }).click();
    await page.getByRole('button', { name: 'Revoke…' }).click(PATIENT);
    await dialog.getByText('line-1 is disconnected at once').waitFor(PATIENT);
    await dialog.getByLabel('Reason').fill('box was sold');
    await dialog.getByRole('button', { name: 'Revoke the certificate' }).click();
    await dialog.getByText('line-1 is shut out').waitFor(PATIENT);
    const cookie = await hub.signIn();
    const answer = await fetch(`${hub.url}/api/v1/gateways/line-1/certificates`, { headers: { cookie } });
    const { items } = (await answer.json()) as { items: object[] };
    expect(items).toMatchObject([{ revokedBy: 'admin', reason: 'box was sold' }]);
  });
});
