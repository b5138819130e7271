/**
 * Writes numbers into a buffer until it is killed, and prints each that is durable: endless-writer.ts DIR FIRST. With a
 * third argument each comes with a long text, and the buffer is soon full.
 */
import { randomBytes } from 'node:crypto';
import { GatewayBuffer } from '@lineside/gateway/buffer/buffer.ts';
import { createLogger } from '@lineside/shared/log/logger.ts';
import { readBatch } from '@lineside/shared/wire/batch-reader.ts';
import { decompressBatch } from '@lineside/shared/wire/envelope.ts';

const [dir = '', first = '0', large] = process.argv.slice(2);
const buffer = new GatewayBuffer({
  dir,
  config: { commitIntervalMs: 0, ...(large ? { segmentMiB: 1, maxMiB: 4 } : { segmentMiB: 4, maxMiB: 64 }) },
  log: createLogger({ name: 'endless-writer', level: 'silent' }),
  now: Date.now,
  onCommit: ({ payload }, lane) => {
    if (lane === 'urgent') return;
    const last = [...readBatch(decompressBatch(payload)).values].findLast((given) => typeof given === 'number');
    if (last !== undefined) process.stdout.write(`${last}\n`);
  },
});
await buffer.open();
let value = Number(first);
if (large) {
  const text = () => randomBytes(240_000).toString('base64');
  while (true) {
    buffer.addFrame({
      ...{ device: 'd', receivedAt: value, tags: [1, 2], sourceAt: [value, value] },
      ...{ values: [value, text()], quality: [0, 0] },
    });
    value++;
    await buffer.flush();
  }
}
setInterval(() => {
  for (let i = 0; i < 5; i++) {
    buffer.addFrame({ device: 'd', receivedAt: value, tags: [1], sourceAt: [value], values: [value], quality: [0] });
    value++;
  }
}, 1);
