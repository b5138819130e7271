/** Programs that publish JSON at an external broker: what is large comes too, and what is too large is named. */

import mqtt from 'mqtt';
import { pino } from 'pino';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { LoadedHubConfig } from '../../../hub/config/load-config.ts';
import { ForeignPart } from '../../../hub/foreign-part.ts';
import { hasMosquitto, Mosquitto } from '../../services/mosquitto.ts';
import { tempDir } from '../../services/temp-dir.ts';

const KIB = 1024;

test.skipIf(!hasMosquitto)(
  'a message may have 1 MiB, and one that is longer is kept aside with its reason',
  async () => {
    const broker = await Mosquitto.start(await tempDir());
    onTestFinished(() => broker.kill());
    const source = { valueField: 'value', timeField: 'timestamp_ms', silentAfterSeconds: 60 };
    const config = {
      file: 'hub.yaml',
      resolvePath: (path: string) => path,
      mqtt: { broker: { url: broker.url, username: 'hub', mqttVersion: '5' } },
      sources: [{ name: 'scada', topic: 'machines/{device}', ...source }],
    } as unknown as LoadedHubConfig;
    const taken: number[] = [];
    const refused: string[] = [];
    const part = new ForeignPart({
      config,
      take: async (_name, envelope) => void taken.push(envelope.length),
      quarantine: async (_name, reason) => void refused.push(reason),
      report: ({ online }) => {
        hears = online;
      },
      now: Date.now,
      log: pino({ level: 'silent' }),
    });
    let hears = false;
    part.start();
    onTestFinished(() => part.stop());
    await vi.waitFor(() => expect(hears).toBe(true), { timeout: 15_000 });

    const program = await mqtt.connectAsync(broker.url);
    onTestFinished(() => program.endAsync());
    const publish = (kib: number) =>
      program.publishAsync('machines/press', JSON.stringify('x'.repeat(kib * KIB)), { qos: 1 });
    await publish(200);
    await vi.waitFor(() => expect(taken.length).toBeGreaterThan(0), { timeout: 15_000 });
    expect(refused).toEqual([]);
    await publish(1_100);
    await vi.waitFor(() =>
      expect(refused).toEqual([expect.stringMatching(/^machines\/press: it has \d+ bytes; 1048576 is/)]),
    );
  },
);
