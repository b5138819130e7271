/** `hub run`: takes what gateways send and serves it until it is stopped. */
import { CONFIG_OPTION, type Command } from '@lineside/shared/cli/command.ts';
import { runDaemon } from '@lineside/shared/lifecycle/daemon.ts';
import { createLogger } from '@lineside/shared/log/logger.ts';
import { startHub } from '../hub.ts';
import { ROLES_OPTION, withConfig } from './with-config.ts';

export const run: Command = {
  words: 'run',
  summary: 'take what gateways send, and serve pages and API until stopped',
  options: { ...CONFIG_OPTION, ...ROLES_OPTION },
  run: (args) =>
    withConfig(args, (config) => {
      const log = createLogger({ name: 'hub', level: String(config.log.level) });
      return runDaemon(log, (context) => startHub(config, log, context));
    }),
};
