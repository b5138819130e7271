/** Reads a configuration in a thread of its own, for load-config-aside.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { ConfigError, type ConfigPath, type ConfigProblem } from '@lineside/shared/config/config-document.ts';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { type LoadedConfig, loadConfig } from './load-config.ts';

/** A configuration without its functions, and where its parts stand. */
export interface ConfigAside {
  config: Omit<LoadedConfig, 'resolvePath' | 'problem'>;
  places: ConfigProblem[];
}

export type LoadAnswer = { read: ConfigAside } | { problems: ConfigProblem[] } | { error: string };

/** What may still be found wrong with it later: a device or the files of a model. */
function placesOf(config: LoadedConfig): ConfigProblem[] {
  const paths: ConfigPath[] = [
    ...config.devices.map((_device, i): ConfigPath => ['devices', i]),
    ...config.models.flatMap((_model, i): ConfigPath[] => [
      ['models', i, 'file'],
      ['models', i, 'inputs'],
    ]),
  ];
  return paths.map((path) => config.problem(path, ''));
}

function answer(): LoadAnswer {
  try {
    const loaded = loadConfig(workerData as string);
    const { resolvePath: _resolve, problem: _problem, ...config } = loaded;
    return { read: { config, places: placesOf(loaded) } };
  } catch (error) {
    return error instanceof ConfigError ? { problems: error.problems } : { error: messageOf(error) };
  }
}

parentPort?.postMessage(answer());
