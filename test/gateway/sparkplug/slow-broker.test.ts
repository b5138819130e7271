/** A broker that lets everybody in and then takes nothing more: no memory grows, and the next connection is tried. */
import { createServer, type Socket } from 'node:net';
import { emptyFrame, pushSample } from '@lineside/shared/contracts/frame.ts';
import { expect, onTestFinished, test, vi } from 'vitest';
import { tempDir } from '../../services/temp-dir.ts';
import { NodeRig, PATIENT } from './node-rig.ts';

/** MQTT 3.1.1 as far as it takes to come in. */
async function reluctantBroker() {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      if (bytes[0] === 0x10) socket.write(Buffer.from([0x20, 2, 0, 0]));
      const at = bytes[0] === 0x82 ? 0 : bytes.indexOf(0x82, 12);
      if (at < 0) return;
      socket.write(Buffer.from([0x90, 4, bytes[at + 2]!, bytes[at + 3]!, 1, 1]));
      socket.pause();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { sockets, url: `mqtt://127.0.0.1:${(server.address() as { port: number }).port}` };
}

test('a connection that stands still is given up, with little in memory', { timeout: 30_000 }, async () => {
  const { sockets, url } = await reluctantBroker();
  const rig = await NodeRig.make(await tempDir(), url);
  await rig.start();
  const text = 'x'.repeat(200_000);
  let most = 0;
  const began = process.memoryUsage().arrayBuffers + process.memoryUsage().external;
  const feeding = setInterval(() => {
    const frame = emptyFrame('press', Date.now());
    pushSample(frame, 3, Date.now(), `${text}${frame.receivedAt}`, 0);
    rig.node.observe(frame);
    const { arrayBuffers, external } = process.memoryUsage();
    most = Math.max(most, arrayBuffers + external - began);
  }, 5);
  onTestFinished(() => clearInterval(feeding));
  await vi.waitFor(() => expect(JSON.stringify(rig.said(40))).toContain('the broker takes no more data'), PATIENT);
  await vi.waitFor(() => expect(sockets.length).toBeGreaterThan(1), PATIENT);
  expect(most).toBeLessThan(100 * 1024 * 1024);
});
