/**
 * Exit code 0 when the address of the first argument answers 2xx within four seconds, else 1 and the reason. Whose
 * certificate an https address shows is not asked: it is for the names by which others come, and this asks its own container.
 */
import { request as http } from 'node:http';
import { request as https } from 'node:https';
import { text } from 'node:stream/consumers';

const address = process.argv[2] ?? '';
try {
  const { status, words } = await get(new URL(address));
  if (status < 200 || status > 299) throw new Error(`HTTP ${status}: ${words.slice(0, 200)}`);
} catch (error) {
  console.error(`${address}: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}

function get(url: URL): Promise<{ status: number; words: string }> {
  const options = { signal: AbortSignal.timeout(4_000), rejectUnauthorized: false };
  return new Promise((resolve, reject) => {
    (url.protocol === 'https:' ? https : http)(url, options, (answer) => {
      text(answer).then((words) => resolve({ status: answer.statusCode ?? 0, words }), reject);
    })
      .once('error', reject)
      .end();
  });
}
