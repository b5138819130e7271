/** `hub check`: says what is wrong with a configuration, its plant and its certificates. */
import { CONFIG_OPTION, type Command } from '@lineside/shared/cli/command.ts';
import { ConfigError, formatWarning } from '@lineside/shared/config/config-document.ts';
import { checkCertificateFiles } from '../config/check-tls.ts';
import { clearTextWarning } from '../config/http.ts';
import { ROLES_OPTION, withConfig } from './with-config.ts';

export const check: Command = {
  words: 'check',
  summary: 'say what is wrong with a configuration and its plant, with file and line; exit 1 when something is',
  options: { ...CONFIG_OPTION, ...ROLES_OPTION },
  run: (args) =>
    withConfig(args, async (config) => {
      const { file, equipment, gateways, http, roles, problem, resolvePath } = config;
      const wrong = checkCertificateFiles(config, resolvePath, Date.now());
      if (wrong.length > 0) throw new ConfigError(wrong.map(({ path, message }) => problem(path, message)));
      const warning = roles.includes('api') ? clearTextWarning(http) : '';
      if (warning !== '') console.error(formatWarning(problem(['http', 'host'], warning)));
      process.stdout.write(`${file}: sound; ${gateways.length} gateways, ${equipment.machines.length} machines\n`);
      return 0;
    }),
};
