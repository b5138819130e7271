/** Writes numbers into a buffer until it is killed, and prints each that is durable: endless-writer.ts DIR FIRST. */
import { GatewayBuffer } from '@lineside/gateway/buffer/buffer.ts';
import { createLogger } from '@lineside/shared/log/logger.ts';
import { readBatch } from '@lineside/shared/wire/batch-reader.ts';
import { decompressBatch } from '@lineside/shared/wire/envelope.ts';

const [dir = '', first = '0'] = process.argv.slice(2);
const buffer = new GatewayBuffer({
  dir,
  config: { commitIntervalMs: 0, segmentMiB: 4, maxMiB: 64, keepCommittedMiB: 0 },
  log: createLogger({ name: 'endless-writer', level: 'silent' }),
  now: Date.now,
  onCommit: ({ payload }) => {
    const last = readBatch(decompressBatch(payload)).values.at(-1);
    if (last !== undefined) process.stdout.write(`${last}\n`);
  },
});
await buffer.open();
let value = Number(first);
setInterval(() => {
  for (let i = 0; i < 5; i++) {
    buffer.addFrame({ device: 'd', receivedAt: value, tags: [1], sourceAt: [value], values: [value], quality: [0] });
    value++;
  }
}, 1);
