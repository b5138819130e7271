/**
 * Reads a configuration while the gateway collects. Parsing and checking 10,000 tags takes more than a second, in
 * which no device would be polled: so another thread does it.
 */
import { dirname, resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { ConfigError } from '@lineside/shared/config/config-document.ts';
import type { LoadedConfig } from './load-config.ts';
import type { ConfigAside, LoadAnswer } from './load-config-worker.ts';

/** @throws ConfigError with every problem, as `loadConfig` does; Error when the thread fails */
export async function loadConfigAside(file: string): Promise<LoadedConfig> {
  const worker = new Worker(new URL('./load-config-worker.ts', import.meta.url), { workerData: file });
  try {
    const answer = await new Promise<LoadAnswer>((done, fail) => {
      worker.once('message', done);
      worker.once('error', fail);
      worker.once('exit', (code) => fail(new Error(`the configuration could not be read (exit ${code})`)));
    });
    if ('read' in answer) return whole(answer.read);
    if ('problems' in answer) throw new ConfigError(answer.problems);
    throw new Error(answer.error);
  } finally {
    await worker.terminate();
  }
}

function whole({ config, places }: ConfigAside): LoadedConfig {
  const byPath = new Map(places.map((place) => [place.path.join('/'), place]));
  return {
    ...config,
    resolvePath: (path) => resolve(dirname(config.file), path),
    problem(path, message) {
      const place = byPath.get(path.join('/'));
      return place ? { ...place, message } : { file: config.file, line: 1, path, where: '', message };
    },
  };
}
