/** Whether the files of the configured models are there and are what they say. */
import { ConfigError, type ConfigProblem } from '@lineside/shared/config/config-document.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { manifestFile } from '../models/config.ts';
import { checkInputs, loadModelFiles } from '../models/manifest.ts';
import type { LoadedConfig } from './load-config.ts';

/** @throws ConfigError naming every model whose files are missing, damaged, or have other inputs. */
export function checkModels(config: LoadedConfig): void {
  const problems = config.models.flatMap((model, index) => {
    try {
      const file = manifestFile(model, config.resolvePath('.'));
      checkInputs(model.id, file, loadModelFiles(file).manifest, Object.keys(model.inputs));
      return [];
    } catch (error) {
      return [modelProblem(config, index, error)];
    }
  });
  if (problems.length > 0) throw new ConfigError(problems);
}

/** What a model was refused for, with its line. */
export function modelProblem(config: LoadedConfig, index: number, error: unknown): ConfigProblem {
  const field = error instanceof LinesideError && error.code === 'MODEL_INPUTS' ? 'inputs' : 'file';
  return config.problem(['models', index, field], messageOf(error));
}
