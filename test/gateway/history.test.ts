/** The gateway as a process that is killed while an OPC UA server with a history goes on. */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataType } from 'node-opcua-client';
import { expect, onTestFinished, test, vi } from 'vitest';
import { OpcUaTestServer, TEST_NAMESPACE } from '../services/opcua-test-server.ts';
import { tempDir } from '../services/temp-dir.ts';
import { Gateway, onDisk, PATIENT } from './gateway-process.ts';

test('killed twice: each value of the server is in the buffer once, and the past raises no alarm', async () => {
  const server = new OpcUaTestServer();
  onTestFinished(() => server.stop());
  await server.start({ Speed: [DataType.Double, 0] });
  server.historize('Speed');
  const served: number[] = [];
  /** While it is true, nobody is there to see it. */
  let hot = false;
  const timer = setInterval(() => {
    const at = Math.max(Date.now(), (served.at(-1) ?? 0) + 1);
    served.push(at);
    server.set('Speed', DataType.Double, hot ? 1000 + served.length : served.length, new Date(at));
  }, 20);
  onTestFinished(() => clearInterval(timer));
  const dir = await tempDir();
  await writeFile(join(dir, 'password'), 'secret');
  const config = join(dir, 'gateway.yaml');
  await writeFile(
    config,
    `gateway: { id: line-1 }
dataDir: data
hub: { url: "mqtt://127.0.0.1:1", passwordFile: password }
local: { port: 0 }
devices:
  - id: plc
    driver: opcua
    endpoint: ${server.endpoint}
    samplingMs: 0
    queueSize: 1000
    history: { settleMs: 0, requestsPerSecond: 50 }
    tags:
      - { name: speed, nodeId: "nsu=${TEST_NAMESPACE};s=Speed" }
alarms:
  - { id: hot, tag: plc/speed, above: 1000, message: Too hot }
`,
  );
  const note = join(dir, 'data/history.json');
  for (let run = 1; run <= 3; run++) {
    const gateway = new Gateway(config);
    if (run === 1) await vi.waitFor(() => expect(existsSync(note)).toBe(true), PATIENT);
    else await gateway.said(/read back \d+ values of 1 tags/);
    // Some values that no note knows of.
    await new Promise((resolve) => setTimeout(resolve, 400));
    if (run === 3) {
      clearInterval(timer);
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
    gateway.child.kill(run === 3 ? 'SIGTERM' : 'SIGKILL');
    await gateway.exited;
    hot = true;
    await new Promise((resolve) => setTimeout(resolve, 100));
    hot = false;
    // The next one begins after what was hot.
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const { samples, alarms } = await onDisk(dir);
  const known = new Set(served);
  const came = samples.filter(({ tag, at }) => tag === 'plc/speed' && known.has(at)).map(({ at }) => at);
  const first = Math.min(...came);
  expect(came.toSorted((a, b) => a - b)).toEqual(served.filter((at) => at >= first));
  expect(alarms).toEqual([]);
}, 60_000);
