/** From a PLC to a picture, as its users see it: the whole demo, a real browser, and a machine that overheats. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { CHROMIUM, hasChromium, launchChromium } from '../services/chromium.ts';
import { type RunningDemo, startDemo } from '../services/demo.ts';

/** The plant needs its time to heat up and to cool down, and more of it where other suites have the cores. */
const PATIENT = { timeout: 90_000 };
const MACHINES = ['Packer', 'Injection moulder', 'Pump station'];
const ALARM = 'Barrel zone 1 too hot';

describe.skipIf(!hasChromium)(`the line in a browser (needs ${CHROMIUM})`, () => {
  let demo: RunningDemo;
  let browser: Browser;

  beforeAll(async () => {
    [demo, browser] = await Promise.all([startDemo({ env: { LINESIDE_DEMO_SPEED: '20' } }), launchChromium()]);
  });

  // Pages that nobody looks at any more would go on drawing what is live.
  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()));
  });
  afterAll(async () => {
    await browser?.close();
    await demo?.dispose();
  });

  /** What a machine's tile says, at one moment; all of it, so that a failure says why. */
  async function shownOf(page: Page, name: string): Promise<Record<string, string>> {
    const parts = page.getByRole('article', { name }).locator('[data-testid]');
    const said = await parts.evaluateAll((elements) =>
      elements.map((element) => [String(element.getAttribute('data-testid')), element.textContent ?? ''] as const),
    );
    // Of several of a name the first counts.
    return Object.fromEntries(said.reverse());
  }

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
      // Whatever it is doing: at this pace the plant stops and starts within seconds.
      await expect
        .poll(() => shownOf(hub, name), PATIENT)
        .toMatchObject({
          'machine-state': expect.stringMatching(/Producing|Idle|Stopped|Down/),
          connection: expect.stringContaining('Live'),
          oee: expect.stringMatching(/\d/),
        });
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
  }, 240_000);

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

  test('leads from the list to a gateway, its log, and to the line of its configuration that is wrong', async () => {
    const hub = await signedIn();
    const complaints: string[] = [];
    hub.on('pageerror', (error) => complaints.push(error.message));
    await hub.getByRole('link', { name: 'Gateways' }).click();
    const row = hub.getByTestId('fleet-row');
    await row.filter({ hasText: /line-1.*of 3/ }).waitFor(PATIENT);
    await hub.getByLabel('Filter').fill('no such gateway');
    await hub.getByText('No gateway fits').waitFor(PATIENT);
    await hub.getByLabel('Filter').fill('moulder');
    await row.getByRole('link', { name: 'line-1' }).click();
    await expect.poll(() => hub.getByTestId('device').count(), PATIENT).toBe(3);

    const log = hub.getByRole('region', { name: 'Last log lines' });
    await log.getByRole('button', { name: 'Show' }).click();
    await log.getByRole('listitem').first().waitFor(PATIENT);
    await log.getByLabel('Filter the lines').fill('no line has these words');
    await log.getByText(/None of the \d+ lines/).waitFor(PATIENT);

    const config = hub.getByRole('region', { name: 'Configuration', exact: true });
    await config.getByRole('button', { name: 'Read it' }).click();
    const text = config.getByRole('textbox', { name: 'Configuration of line-1, YAML' });
    await text.waitFor(PATIENT);
    const file = await text.inputValue();
    expect(file).toContain('${LINESIDE_MQTT_PORT');
    // A page that did not come over HTTPS has no clipboard: all of the text is selected, for the keyboard.
    await hub.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })");
    await config.getByRole('button', { name: 'Copy the configuration' }).click();
    await expect.poll(() => hub.evaluate('String(getSelection())'), PATIENT).toBe(file);
    const lines = file.split('\n');
    const wrong = lines.findIndex((line) => line.includes('driver: opcua'));
    await text.fill(lines.with(wrong, '    driver: opcuaa').join('\n'));
    await config.getByRole('button', { name: 'Check' }).click();
    const findings = config.getByRole('region', { name: 'What the gateway says of it' });
    await findings
      .getByRole('button', { name: `Line ${wrong + 1}`, exact: true })
      .first()
      .click(PATIENT);
    const selected = await text.evaluate((area) => {
      const { value, selectionStart, selectionEnd } = area as unknown as Record<string, never>;
      return String(value).slice(selectionStart, selectionEnd);
    });
    expect(selected).toBe('    driver: opcuaa');
    expect(await config.getByRole('button', { name: 'Apply on trial…' }).isDisabled()).toBe(true);

    // A sound one is told with what it would change; nothing is applied here.
    await text.fill(file.replace('pollMs: 500', 'pollMs: 600'));
    await config.getByRole('button', { name: 'Check' }).click();
    await findings.getByText('It is sound').waitFor(PATIENT);
    await findings.getByText(/moulder/).waitFor(PATIENT);
    const changes = config.getByRole('region', { name: 'What changes in the file' });
    expect((await changes.locator('ins').allTextContents()).every((line) => line.includes('pollMs: 600'))).toBe(true);
    expect(await changes.locator('ins').count()).toBe(await changes.locator('del').count());
    // What stays as it is opens in its place.
    await changes
      .getByRole('button', { name: /lines stay as they are/ })
      .first()
      .click();
    await changes.getByText('id: line-1').waitFor(PATIENT);
    expect(await config.getByRole('button', { name: 'Apply on trial…' }).isEnabled()).toBe(true);
    await hub.reload();
    await hub.getByRole('heading', { name: 'line-1' }).waitFor(PATIENT);
    expect(complaints).toEqual([]);
  });

  test('a device is looked at through its gateway, with the keyboard, and what is found is copied', async () => {
    const hub = await signedIn();
    await hub.goto(`${demo.hubUrl}/#/gateways/line-1`);
    await hub.getByRole('button', { name: 'Look at the device packer' }).click();
    const dialog = hub.getByRole('dialog');
    const node = (name: string) => dialog.getByTestId('node').filter({ hasText: name }).first();
    await node('Packer').waitFor(PATIENT);
    // Nobody has answered in time: it is said where the nodes would be, and asked again there.
    await hub.route('**/nodes', (route) =>
      route.fulfill({ status: 504, contentType: 'application/problem+json', body: '{"detail":"line-1 is silent"}' }),
    );
    // The dialog takes the focus for itself as it opens: looked for and pressed at once.
    await node('Packer').press('ArrowRight');
    await dialog.getByRole('alert').getByText('Line-1 is silent').waitFor(PATIENT);
    await hub.unroute('**/nodes');
    await dialog.getByRole('button', { name: 'Try again' }).click();
    const seal = node('SealTemperature');
    await seal.getByText(/^\d+(\.\d+)?$/).waitFor(PATIENT);
    expect(await seal.textContent()).toMatch(
      /nsu=urn:lineside:demo:packaging;s=Packer\.SealTemperature.*Double.*Read/,
    );
    await node('Packer').focus();
    for (const key of ['ArrowRight', 'Enter']) await hub.keyboard.press(key);
    await dialog.getByRole('button', { name: 'Copy: Tag entry' }).click();
    await dialog.getByText('Copied').waitFor(PATIENT);
    await hub.keyboard.press('Escape');

    await hub.getByRole('button', { name: 'Look at the device moulder' }).click();
    await dialog.getByLabel('First (from 0)').fill('65535');
    await dialog.getByText('Beyond address 65,535').waitFor(PATIENT);
    await dialog.getByLabel('First (from 0)').fill('100');
    await dialog.getByRole('button', { name: 'Read', exact: true }).click();
    await dialog
      .getByTestId('register')
      .first()
      .getByRole('button', { name: /float32 ABCD/ })
      .click(PATIENT);
    await dialog.getByText('- { name: holding100, address: "holding:100", type: float32 }').waitFor(PATIENT);
  });

  test('a setting that needs a restart is named before, tried with one, and in force when the gateway is back', async () => {
    const hub = await signedIn();
    await hub.goto(`${demo.hubUrl}/#/gateways/line-1`);
    const config = hub.getByRole('region', { name: 'Configuration', exact: true });
    await config.getByRole('button', { name: 'Read it' }).click(PATIENT);
    const text = config.getByRole('textbox');
    await text.waitFor(PATIENT);
    const wanted = (await text.inputValue()).replace('commitIntervalMs: 200', 'commitIntervalMs: 250');
    await text.fill(wanted);
    await config.getByRole('button', { name: 'Check' }).click();
    await config.getByText('Only after a restart: buffer.commitIntervalMs').waitFor(PATIENT);
    await config.getByRole('button', { name: 'Apply on trial…' }).click();
    const dialog = hub.getByRole('dialog');
    await dialog.getByText('One setting takes effect only after a restart').waitFor(PATIENT);
    await dialog.getByRole('radio', { name: /Restart with it, on trial/ }).check();
    await dialog.getByRole('button', { name: 'Restart with it' }).click();
    await dialog.getByText('It starts anew').waitFor(PATIENT);
    await config.getByText('Started with it, and confirmed').waitFor(PATIENT);
    await expect.poll(() => text.inputValue(), PATIENT).toBe(wanted);
    expect(await config.getByText('As the file is.').count()).toBe(1);
  });
});
