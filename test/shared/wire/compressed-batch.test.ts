/** A batch is one zstd frame, however its bytes fall on the chunks in which zlib gives them out. */
import { randomBytes } from 'node:crypto';
import { zstdCompressSync } from 'node:zlib';
import { compressBatch, decompressBatch } from '@lineside/shared/wire/envelope.ts';
import { expect, test } from 'vitest';

/** What Node puts behind a frame that ends with the last byte of its chunk: a frame with nothing in it. */
const EMPTY_FRAME = Buffer.from('28b52ffd240001000099e9d851', 'hex');

test.each([16_384, 32_768, 65_536])(
  'a batch whose frame fills chunks of zlib to the last byte, %i, is one frame',
  (full) => {
    // Bytes that do not compress: the frame is a little longer.
    let exact = 0;
    for (let size = full - 40; size < full; size++) {
      const batch = randomBytes(size);
      const compressed = compressBatch(batch);
      if (compressed.length === full) exact++;
      expect(compressed.indexOf(EMPTY_FRAME)).toBe(-1);
      expect(decompressBatch(compressed).equals(batch)).toBe(true);
    }
    expect(exact).toBeGreaterThan(0);
  },
);

test('one with an empty frame behind it is taken, as older gateways have it on disk; with anything else it is not', () => {
  const batch = Buffer.from('a batch');
  const compressed = compressBatch(batch);
  expect(decompressBatch(Buffer.concat([compressed, EMPTY_FRAME])).equals(batch)).toBe(true);
  const broken = Buffer.from(EMPTY_FRAME);
  broken[12]! ^= 1;
  for (const rest of [compressed, Buffer.from([0]), zstdCompressSync(Buffer.from('x')), broken]) {
    expect(() => decompressBatch(Buffer.concat([compressed, rest]))).toThrow(/malformed batch/);
  }
  expect(() => decompressBatch(Buffer.concat([compressed, EMPTY_FRAME, EMPTY_FRAME]))).toThrow(/something follows/);
  expect(() => decompressBatch(EMPTY_FRAME)).toThrow(/it is empty/);
});
