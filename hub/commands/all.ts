/** The hub's commands by their first word. */
import type { Commands } from '@lineside/shared/cli/program.ts';

export const HUB_COMMANDS: Commands = {
  run: async () => [(await import('./run.ts')).run],
  check: async () => [(await import('./check.ts')).check],
  migrate: async () => (await import('./migrate.ts')).migrateCommands,
  backup: async () => (await import('./backup.ts')).backupCommands,
  restore: async () => [(await import('./backup.ts')).restoreCommand],
  'enrol-token': async () => [(await import('./access.ts')).enrolToken],
  revoke: async () => [(await import('./access.ts')).revoke],
  'reset-password': async () => [(await import('./reset-password.ts')).resetPassword],
  'mosquitto-config': async () => [(await import('./access.ts')).mosquittoConfig],
};
