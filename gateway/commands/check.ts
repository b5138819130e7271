/** `gateway check`: says what is wrong with a configuration, without touching a device. */
import { ConfigError, formatWarning } from '@lineside/shared/config/config-document.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { type LoadedConfig, loadConfig } from '../config/load-config.ts';
import { manifestFile } from '../models/config.ts';
import { checkInputs, loadModelFiles } from '../models/manifest.ts';
import { CONFIG_OPTION, type Command, configFile, sayProblems } from './command.ts';

export const check: Command = {
  words: 'check',
  summary: 'say what is wrong with a configuration, with file and line; exit 1 when something is',
  options: CONFIG_OPTION,
  async run(args) {
    const file = configFile(args);
    if (!file) return 2;
    try {
      const config = loadConfig(file);
      checkModels(config);
      for (const warning of config.warnings) console.error(formatWarning(warning));
      const tags = config.devices.reduce((sum, device) => sum + device.tags.length, 0);
      process.stdout.write(
        `${file}: sound; ${config.devices.length} devices, ${tags} tags, ${config.models.length} models, ${config.alarms.length} alarms\n`,
      );
      return 0;
    } catch (error) {
      return sayProblems(error);
    }
  },
};

/** @throws ConfigError naming every model whose files are missing, damaged, or have other inputs. */
function checkModels(config: LoadedConfig): void {
  const problems = config.models.flatMap((model, index) => {
    try {
      const file = manifestFile(model, config.resolvePath('.'));
      checkInputs(model.id, file, loadModelFiles(file).manifest, Object.keys(model.inputs));
      return [];
    } catch (error) {
      const field = error instanceof LinesideError && error.code === 'MODEL_INPUTS' ? 'inputs' : 'file';
      return [config.problem(['models', index, field], messageOf(error))];
    }
  });
  if (problems.length > 0) throw new ConfigError(problems);
}
