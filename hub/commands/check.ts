/** `hub check`: says what is wrong with a configuration and its plant. */
import { CONFIG_OPTION, type Command } from '@lineside/shared/cli/command.ts';
import { ROLES_OPTION, withConfig } from './with-config.ts';

export const check: Command = {
  words: 'check',
  summary: 'say what is wrong with a configuration and its plant, with file and line; exit 1 when something is',
  options: { ...CONFIG_OPTION, ...ROLES_OPTION },
  run: (args) =>
    withConfig(args, async ({ file, equipment, gateways }) => {
      process.stdout.write(`${file}: sound; ${gateways.length} gateways, ${equipment.machines.length} machines\n`);
      return 0;
    }),
};
