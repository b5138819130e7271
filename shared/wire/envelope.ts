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

const ZSTD = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

export function compressBatch(batch: Uint8Array): Buffer {
  return zstdCompressSync(batch, ZSTD);
}

/** @throws LinesideError BATCH_MALFORMED when it is not zstd or too large. */
export function decompressBatch(bytes: Uint8Array): Buffer {
  try {
    return zstdDecompressSync(bytes, { maxOutputLength: MAX_BATCH_BYTES });
  } catch (cause) {
    throw new LinesideError('BATCH_MALFORMED', 'peer', 'malformed batch: it does not decompress', { cause });
  }
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
    if (field === 1 && wire === 2) epoch = reader.bytes().toString('hex');
    else if (field === 2 && wire === 0) seq = reader.varint();
    else if (field === 3 && wire === 0) prev = reader.varint();
    else if (field === 4 && wire === 2) batch = reader.bytes();
    else reader.skip(wire);
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
