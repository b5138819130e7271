#!/usr/bin/env node
/** The hub's program. */
import { runProgram } from '@lineside/shared/cli/program.ts';
import { HUB_COMMANDS } from './commands/all.ts';

await runProgram('hub', HUB_COMMANDS);
