/** The same topics at a broker of the plant. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { hasTool } from '../../deploy/tools.ts';
import { Wire } from '../../services/wire.ts';
import { PATIENT } from '../gateway-process.ts';
import { PRESS, plantBroker, unsRig } from './fixture.ts';

const GATEWAY = 'uns/v1/acme/hamburg/forming/line-1/_gateway/gw-1';

async function mosquitto() {
  const { broker, dir, passwordFile, panel } = await plantBroker('gw-1');
  const wire = new Wire();
  await wire.listen();
  wire.target = broker.port;
  onTestFinished(() => wire.close());
  const uns = (write: boolean, password = passwordFile) =>
    `minIntervalMs: 0, broker: { url: "mqtt://127.0.0.1:${wire.port}", username: gw-1, passwordFile: ${password}, write: ${write} }`;
  return { broker, dir, wire, uns, as: panel };
}

describe.skipIf(!hasTool('mosquitto') || !hasTool('mosquitto_passwd'))('with Mosquitto', () => {
  test('all is retained there, said again when the broker has forgotten it, and the will says when the gateway is gone', async () => {
    const { broker, wire, uns, as } = await mosquitto();
    const { press, pipeline, stop } = await unsRig({ localBroker: '', uns: uns(false) });
    const reader = await as('uns/#');
    await vi.waitFor(() => expect(reader.last(`${PRESS}/oil/temperature`)).toMatchObject({ value: 41.2 }), PATIENT);
    await vi.waitFor(() => expect(reader.last(GATEWAY)).toMatchObject({ online: true }), PATIENT);

    wire.cut();
    await vi.waitFor(() => expect(reader.last(GATEWAY)).toMatchObject({ online: false }), PATIENT);
    wire.mend();
    await vi.waitFor(() => expect(reader.last(GATEWAY)).toMatchObject({ online: true }), PATIENT);

    await broker.kill();
    await vi.waitFor(() => expect(pipeline.uns!.figures().fault).not.toBe(''), PATIENT);
    press.holding[1] = 500;
    await broker.restart();
    const again = await as('uns/#');
    await vi.waitFor(() => {
      expect(again.last(`${PRESS}/oil/temperature`)).toMatchObject({ value: 50 });
      expect(again.last(`${PRESS}/_state/press`)).toMatchObject({ state: 'up' });
      expect(again.last(GATEWAY)).toMatchObject({ online: true });
    }, PATIENT);
    await stop();
    await vi.waitFor(() => expect(again.last(GATEWAY)).toMatchObject({ online: false }), PATIENT);
    const late = await as('uns/#');
    await vi.waitFor(() => expect(late.last(GATEWAY)).toMatchObject({ online: false }), PATIENT);
    expect(late.last(`${PRESS}/oil/temperature`)).toMatchObject({ value: 50 });
  });

  test('a tag is set there only when that is switched on, and never by what the broker has kept', async () => {
    const { uns, as } = await mosquitto();
    const panel = await as('uns/#');
    const set = `${PRESS}/speed/set`;
    await panel.client.publishAsync(set, '66', { qos: 1, retain: true });
    const { press } = await unsRig({ localBroker: '', uns: uns(true) });
    await vi.waitFor(
      () =>
        expect(panel.last(`${set}/result`)).toMatchObject({ ok: false, error: expect.stringMatching(/retained/) }),
      PATIENT,
    );
    await panel.client.publishAsync(set, '{"value": 77, "id": "a"}', { qos: 1 });
    await vi.waitFor(
      () => expect(panel.last(`${set}/result`)).toMatchObject({ id: 'a', ok: true, new: 77 }),
      PATIENT,
    );
    expect(press.holding[0]).toBe(77);
  });

  test('a broker that lets nobody in is named with what to check, and the gateway collects', async () => {
    const { dir, uns } = await mosquitto();
    const wrong = join(dir, 'wrong');
    await writeFile(wrong, 'other\n');
    const { press, pipeline, lines } = await unsRig({ localBroker: '', uns: uns(false, wrong) });
    await vi.waitFor(() => {
      expect(pipeline.uns!.figures().fault).toMatch(/"gw-1".*uns\.broker\.username.*uns\.broker\.passwordFile/);
      expect(press.requestCount).toBeGreaterThan(3);
    }, PATIENT);
    expect(lines.join('')).not.toContain('other');
  });
});
