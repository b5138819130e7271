/** The Envelope of lineside.proto: a batch's place in the gateway's sequence, around its compressed bytes. */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { LinesideError } from '../errors/lineside-error.ts';
import { ProtoReader } from './proto-reader.ts';
import { ProtoWriter } from './proto-writer.ts';

export interface Envelope {
  /** 32 hexadecimal digits. */
  epoch: string;
  seq: number;
  /** Record before this one on the gateway's disk; 0 when there is none. */
  prev: number;
  /** Batch, compressed. */
  batch: Buffer;
}

/** A batch that decompresses to more than this is refused: no gateway of ours makes one. Bytes. */
const MAX_BATCH_BYTES = 64 * 1024 * 1024;

/**
 * A batch whose window is larger is refused before the memory for it is taken; ours have at most 2 MiB. As the
 * exponent of 2.
 */
const MAX_WINDOW_LOG = 26;

const COMPRESS = {
  params: {
    // Measured on batches of 40 frames of 50 float32: level 1 takes 0.025–0.036 CPU-seconds per million samples for
    // 0.94 (slow), 2.90 (two decimals) and 3.53 (noise) bytes a sample; level 3 takes 0.024–0.047 for 0.96, 2.81 and
    // 3.53. Up to 30 % more work for at most 3 % less to store and send.
    [constants.ZSTD_c_compressionLevel]: 1,
    // Four bytes, so that a batch that was spoiled on its way is refused instead of stored with a wrong value.
    [constants.ZSTD_c_checksumFlag]: 1,
  },
};
/**
 * More than can come out (ZSTD_compressBound). Where the frame ended with the last byte of a chunk, Node asked for more,
 * and got another frame with nothing in it: one batch in 16,000 of those above 16 KiB.
 */
const roomFor = (bytes: number) => bytes + (bytes >>> 7) + 1024;

/**
 * Memory that zlib takes for what comes out, and takes again as long as there is more: its own 64 KiB for each batch of a few
 * kept the garbage collector busy. Batches become three to ten times as large.
 */
const chunkFor = (compressed: number) => Math.min(64 * 1024, Math.max(1024, 8 * compressed));

const DECOMPRESS = {
  maxOutputLength: MAX_BATCH_BYTES,
  info: true,
  params: { [constants.ZSTD_d_windowLogMax]: MAX_WINDOW_LOG },
};

/** The compressed batch, in memory of its own. */
export function compressBatch(batch: Uint8Array): Buffer {
  // zlib answers with a view on a chunk, which would stay alive with the few KiB that are used of it. So would a slab
  // with a copy by Buffer.from: the newest records in memory took 64 KiB each.
  const compressed = zstdCompressSync(batch, { ...COMPRESS, chunkSize: roomFor(batch.length) });
  const own = Buffer.allocUnsafeSlow(compressed.length);
  own.set(compressed);
  return own;
}

/** @throws LinesideError BATCH_MALFORMED when it is not one zstd frame, or too large, or holds nothing. */
export function decompressBatch(bytes: Uint8Array): Buffer {
  const { content, rest } = firstFrame(bytes);
  // Gateways have written such batches: see `roomFor`.
  const followed = rest.length > 0 && !isEmptyFrame(rest);
  if (followed || content.length === 0) {
    throw new LinesideError('BATCH_MALFORMED', 'peer', 'malformed batch: it is empty or something follows it');
  }
  return content;
}

/** What the first frame holds, and what follows it, which zlib passes over. */
function firstFrame(bytes: Uint8Array): { content: Buffer; rest: Uint8Array } {
  try {
    const options = { ...DECOMPRESS, chunkSize: chunkFor(bytes.length) };
    const result = zstdDecompressSync(bytes, options) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    return { content: result.buffer, rest: bytes.subarray(result.engine.bytesWritten) };
  } catch (cause) {
    throw new LinesideError('BATCH_MALFORMED', 'peer', 'malformed batch: it does not decompress', { cause });
  }
}

function isEmptyFrame(bytes: Uint8Array): boolean {
  const { content, rest } = firstFrame(bytes);
  return content.length === 0 && rest.length === 0;
}

export function writeEnvelope(envelope: Envelope): Buffer {
  const writer = new ProtoWriter(envelope.batch.length + 64);
  writer.bytesField(1, Buffer.from(envelope.epoch, 'hex'));
  writer.uintField(2, envelope.seq);
  writer.uintField(3, envelope.prev);
  writer.bytesField(4, envelope.batch, true);
  return writer.view();
}

/** @throws LinesideError ENVELOPE_MALFORMED or WIRE_MALFORMED. */
export function readEnvelope(bytes: Uint8Array): Envelope {
  const reader = new ProtoReader(bytes);
  let epoch = '';
  let seq = 0;
  let prev = 0;
  let batch: Buffer | undefined;
  while (!reader.done) {
    const { field, wire } = reader.key();
    if (field > 4) {
      reader.skip(wire);
      continue;
    }
    reader.expect(wire, field === 1 || field === 4 ? 2 : 0, `Envelope.${field}`);
    if (field === 1) epoch = reader.bytes().toString('hex');
    else if (field === 2) seq = reader.varint();
    else if (field === 3) prev = reader.varint();
    else batch = reader.bytes();
  }
  if (epoch.length !== 32 || seq < 1 || prev >= seq || !batch) {
    throw new LinesideError(
      'ENVELOPE_MALFORMED',
      'peer',
      'malformed envelope: epoch, seq, prev or batch is missing or wrong',
    );
  }
  return { epoch, seq, prev, batch };
}
