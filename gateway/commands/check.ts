/** `gateway check`: says what is wrong with a configuration, without touching a device. */

import { CONFIG_OPTION, type Command, configFile, sayProblems } from '@lineside/shared/cli/command.ts';
import { formatWarning } from '@lineside/shared/config/config-document.ts';
import { checkModels } from '../config/check-models.ts';
import { loadConfig } from '../config/load-config.ts';

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
