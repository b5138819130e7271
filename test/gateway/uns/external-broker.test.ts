/** The same topics at a broker of the plant. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { hasTool, runTool, TOOL_ENV } from '../../deploy/tools.ts';
import { freePorts } from '../../services/free-ports.ts';
import { listens, type Tool, tool } from '../../services/outside-tools.ts';
import { tempDir } from '../../services/temp-dir.ts';
import { Wire } from '../../services/wire.ts';
import { PATIENT } from '../gateway-process.ts';
import { hearer, PRESS, unsRig } from './fixture.ts';

const GATEWAY = 'uns/v1/acme/hamburg/forming/line-1/_gateway/gw-1';

/** Mosquitto with two users: the gateway, and one that hears and sets. It forgets all when it ends. */
async function mosquitto() {
  const dir = await tempDir();
  const [port] = (await freePorts(1)) as [number];
  // The broker gives up root's rights when it starts.
  await chmod(dir, 0o755);
  await mkdir(join(dir, 'data'));
  const passwords = join(dir, 'passwords');
  await writeFile(passwords, 'gw-1:gw-secret\npanel:panel-secret\n');
  runTool('mosquitto_passwd', ['-U', passwords]);
  await chmod(passwords, 0o644);
  const config = join(dir, 'mosquitto.conf');
  await writeFile(config, `listener ${port} 127.0.0.1\nallow_anonymous false\npassword_file ${passwords}\n`);
  let running: Tool | undefined;
  const start = async () => {
    running = tool('mosquitto', ['-c', config], { PATH: TOOL_ENV.PATH });
    await listens(port);
  };
  const stop = async () => running?.stop();
  onTestFinished(async () => void (await stop()));
  await start();
  await writeFile(join(dir, 'gw'), 'gw-secret\n');
  const wire = new Wire();
  await wire.listen();
  wire.target = port;
  onTestFinished(() => wire.close());
  const uns = (write: boolean, password = join(dir, 'gw')) =>
    `minIntervalMs: 0, broker: { url: "mqtt://127.0.0.1:${wire.port}", username: gw-1, passwordFile: ${password}, write: ${write} }`;
  const as = (filter: string) =>
    hearer(`mqtt://127.0.0.1:${port}`, { username: 'panel', password: 'panel-secret' }, filter);
  return { dir, wire, start, stop, uns, as };
}

describe.skipIf(!hasTool('mosquitto') || !hasTool('mosquitto_passwd'))('with Mosquitto', () => {
  test('all is retained there, said again when the broker has forgotten it, and the will says when the gateway is gone', async () => {
    const broker = await mosquitto();
    const { press, pipeline, stop } = await unsRig({ localBroker: '', uns: broker.uns(false) });
    const reader = await broker.as('uns/#');
    await vi.waitFor(() => expect(reader.last(`${PRESS}/oil/temperature`)).toMatchObject({ value: 41.2 }), PATIENT);
    await vi.waitFor(() => expect(reader.last(GATEWAY)).toMatchObject({ online: true }), PATIENT);

    broker.wire.cut();
    await vi.waitFor(() => expect(reader.last(GATEWAY)).toMatchObject({ online: false }), PATIENT);
    broker.wire.mend();
    await vi.waitFor(() => expect(reader.last(GATEWAY)).toMatchObject({ online: true }), PATIENT);

    await broker.stop();
    await vi.waitFor(() => expect(pipeline.uns!.figures().fault).not.toBe(''), PATIENT);
    press.holding[1] = 500;
    await broker.start();
    const again = await broker.as('uns/#');
    await vi.waitFor(() => {
      expect(again.last(`${PRESS}/oil/temperature`)).toMatchObject({ value: 50 });
      expect(again.last(`${PRESS}/_state/press`)).toMatchObject({ state: 'up' });
      expect(again.last(GATEWAY)).toMatchObject({ online: true });
    }, PATIENT);
    await stop();
    await vi.waitFor(() => expect(again.last(GATEWAY)).toMatchObject({ online: false }), PATIENT);
    const late = await broker.as('uns/#');
    await vi.waitFor(() => expect(late.last(GATEWAY)).toMatchObject({ online: false }), PATIENT);
    expect(late.last(`${PRESS}/oil/temperature`)).toMatchObject({ value: 50 });
  });

  test('a tag is set there only when that is switched on, and never by what the broker has kept', async () => {
    const broker = await mosquitto();
    const panel = await broker.as('uns/#');
    const set = `${PRESS}/speed/set`;
    await panel.client.publishAsync(set, '66', { qos: 1, retain: true });
    const { press } = await unsRig({ localBroker: '', uns: broker.uns(true) });
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
    const broker = await mosquitto();
    const wrong = join(broker.dir, 'wrong');
    await writeFile(wrong, 'other\n');
    const { press, pipeline, lines } = await unsRig({ localBroker: '', uns: broker.uns(false, wrong) });
    await vi.waitFor(() => {
      expect(pipeline.uns!.figures().fault).toMatch(/"gw-1".*uns\.broker\.username.*uns\.broker\.passwordFile/);
      expect(press.requestCount).toBeGreaterThan(3);
    }, PATIENT);
    expect(lines.join('')).not.toContain('other');
  });
});
