#!/usr/bin/env node
/** The gateway's program: finds the command that was typed. Each command is one file in commands/. */
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type Commands, runProgram } from '@lineside/shared/cli/program.ts';

/** Only the one that was typed is loaded: the others' modules would take a tenth of the daemon's memory. */
const COMMANDS: Commands = {
  run: async () => [(await import('./commands/run.ts')).run],
  check: async () => [(await import('./commands/check.ts')).check],
  enrol: async () => [(await import('./commands/enrol.ts')).enrolCommand],
  record: async () => [(await import('./commands/record.ts')).record],
  replay: async () => [(await import('./commands/replay.ts')).replay],
  probe: async () => [
    (await import('./commands/probe.ts')).probe,
    (await import('./commands/probe-opcua.ts')).probeOpcua,
  ],
  browse: async () => [(await import('./commands/browse.ts')).browse],
  buffer: async () => (await import('./commands/buffer.ts')).bufferCommands,
  trust: async () => (await import('./commands/trust.ts')).trust,
};

/** What was compiled at one start serves the next: it starts sooner and takes less memory. */
function keepCompiled(): void {
  // systemd names a folder that only this service may write; the user's own is as safe.
  const folder = process.env.CACHE_DIRECTORY ?? process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  try {
    enableCompileCache(join(folder, 'lineside', 'compiled'));
  } catch {
    // Without a home it is compiled anew each time.
  }
}

keepCompiled();
await runProgram('gateway', COMMANDS);
