/** Answers go out compressed to whoever takes that. Bodies come in as they are: what they unpack to has no bound. */
import { constants } from 'node:zlib';
import compress from '@fastify/compress';
import type { FastifyInstance } from 'fastify';

/** Below this a packet carries it as well as it is. Bytes. */
const WORTH_IT = 1_024;
/** Node's own of 11 takes a hundred times longer for a tenth less. */
const BROTLI_QUALITY = 4;
const GZIP_LEVEL = 5;

export async function addCompression(app: FastifyInstance): Promise<void> {
  await app.register(compress, {
    globalDecompression: false,
    encodings: ['br', 'gzip'],
    threshold: WORTH_IT,
    brotliOptions: { params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY } },
    zlibOptions: { level: GZIP_LEVEL },
  });
}
