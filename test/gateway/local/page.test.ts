import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { CHROMIUM, hasChromium, launchChromium } from '../../services/chromium.ts';
import { Machine, OCCURRENCE, serverOf } from './fixture.ts';

describe.skipIf(!hasChromium)(`the local page in a browser (needs ${CHROMIUM})`, { timeout: 30_000 }, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium();
  }, 60_000);
  afterAll(() => browser?.close());

  async function open(machine: Machine) {
    const server = serverOf(machine);
    await server.start();
    const page: Page = await browser.newPage({ locale: 'en-GB' });
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (message.text().includes('Content Security Policy')) complaints.push(message.text());
    });
    onTestFinished(async () => {
      await page.close();
      expect(complaints).toEqual([]);
    });
    await page.goto(server.url);
    return { page, server };
  }

  test('an OPC UA server that waits is shown with all that it says, and trusted after a question', async () => {
    const machine = new Machine();
    const now = Date.now();
    const certificate = {
      ...{ thumbprint: 'a1'.repeat(20), subject: 'CN=<i>plc1</i>', issuer: 'CN=plant', hosts: ['plc1'] },
      ...{ applicationUri: 'urn:plc1', validFrom: now - 1000, validTo: now + 9.5 * 86_400_000, at: now },
    };
    const by: string[] = [];
    machine.certificates = {
      own: () => ({ ...certificate, thumbprint: 'b2'.repeat(20) }),
      servers: () => [{ ...certificate, state: by.length > 0 ? 'trusted' : 'rejected' }],
      trust: (_thumbprint, name) => by.push(name),
    };
    const { page } = await open(machine);
    const certificates = page.getByRole('region', { name: 'OPC UA certificates' });
    await certificates.getByText('expires in 9 days: run "gateway trust renew"').waitFor();
    await certificates.getByText('CN=<i>plc1</i>').first().waitFor();
    await certificates.getByText('issued by CN=plant').waitFor();
    await certificates.getByRole('button', { name: 'Trust …' }).click();
    const dialog = page.getByRole('dialog', { name: 'Trust this server?' });
    await dialog.getByText(`thumbprint ${certificate.thumbprint}`).waitFor();
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    expect(by).toEqual([]);
    await certificates.getByRole('button', { name: 'Trust …' }).click();
    await dialog.getByLabel('Your name').fill('Ann');
    await dialog.getByRole('button', { name: 'Trust' }).click();
    await certificates.getByText('trusted', { exact: true }).waitFor();
    expect(by).toEqual(['Ann']);
  });

  test('an alarm that lives in a device which does not answer is shown as what was last heard', async () => {
    const machine = new Machine();
    machine.inDevice = 'press';
    const { page } = await open(machine);
    const alarms = page.getByRole('region', { name: 'Alarms' });
    await alarms.getByText('active, not acknowledged', { exact: true }).waitFor();
    machine.inDevice = 'pump';
    await alarms.getByText('active, not acknowledged, as last heard: the device does not answer').waitFor();
  });

  test('shows devices, values and an alarm; acknowledging it works', async () => {
    const machine = new Machine();
    machine.message = 'Oil <b>too</b> hot';
    const { page } = await open(machine);
    const devices = page.getByRole('region', { name: 'Devices' });
    await devices.getByText('up for 1 min 0 s').waitFor();
    await devices.getByText('no answer within 1000 ms').waitFor();
    await page.getByRole('status').getByText('No hub for 1 min 0 s: connect ECONNREFUSED').waitFor();
    await page.getByRole('row', { name: /press oil 91.5 Cel Good/ }).waitFor();
    await page.getByRole('row', { name: /pump flow — no value yet/ }).waitFor();

    const alarms = page.getByRole('region', { name: 'Alarms' });
    await alarms.getByText('Oil <b>too</b> hot').waitFor();
    await alarms.getByText('active, not acknowledged').waitFor();
    await alarms.getByRole('button', { name: 'Acknowledge' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Your name').fill('Ann');
    await dialog.getByLabel('Comment').fill('pump on');
    await dialog.getByRole('button', { name: 'Acknowledge' }).click();
    await alarms.getByText('active, acknowledged by Ann (at the machine)').waitFor();
    expect(machine.acknowledged).toEqual([
      { occurrence: OCCURRENCE, by: 'Ann (at the machine)', comment: 'pump on' },
    ]);
    expect(await alarms.getByRole('button', { name: 'Acknowledge' }).count()).toBe(0);
  });

  test('shows how well a device is collected from, and keeps that open; and what came of a new configuration', async () => {
    const machine = new Machine();
    const { page } = await open(machine);
    const devices = page.getByRole('region', { name: 'Devices' });
    await devices.getByText('Health').click();
    await devices.getByText('last 4.1 ms, mean 4.2 ms, longest 17.5 ms').waitFor();
    await devices.getByText('timeout 3, connection 1').waitFor();
    await devices.getByText('asked as usual').waitFor();
    expect(await page.getByRole('region', { name: 'Last change' }).count()).toBe(0);

    machine.health = { ...machine.health, breaker: 'open' };
    machine.reload = {
      ...{ at: Date.now(), by: 'SIGHUP', result: 'refused', needsRestart: ['buffer.maxMiB'] },
      ...{ problems: ['gateway.yaml:7: device "press": no <b>host</b>'] },
      changes: { added: [], changed: [], removed: [] },
    };
    await devices.getByText('left alone').waitFor();
    const change = page.getByRole('region', { name: 'Last change of the configuration' });
    await change.getByText('refused: what ran before goes on').waitFor();
    await change.getByText('gateway.yaml:7: device "press": no <b>host</b>').waitFor();
    await change.getByText('needs a restart: buffer.maxMiB').waitFor();
  });

  test('says why an acknowledgement was refused, and that the gateway is gone', async () => {
    const machine = new Machine();
    const { page, server } = await open(machine);
    await page.getByRole('button', { name: 'Acknowledge' }).click();
    machine.state = 'acknowledged';
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Your name').fill('Ann');
    await dialog.getByRole('button', { name: 'Acknowledge' }).click();
    await dialog.getByText('this alarm is over or has been acknowledged already').waitFor();
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await server.stop();
    await page.getByText('This page has lost the gateway.').waitFor();
  });
});
