/** `gateway browse opcua`: shows what a server has, as a device to paste into the configuration. */

import { type Command, type CommandArguments, sayProblems, textOption } from '@lineside/shared/cli/command.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { BrowseReport, BrowseRequest } from '../drivers/opcua/browse-server.ts';
import { OPCUA_TARGET_OPTIONS, type OpcUaTarget, opcUaTarget } from './opcua-target.ts';

/** As many as a device can have. */
const MAX_TAGS = 50_000;
const MAX_DEPTH = 20;

export const browse: Command = {
  words: 'browse opcua',
  summary: 'list the variables of an OPC UA server as YAML to paste; exit 1 when it cannot be reached',
  options: {
    ...OPCUA_TARGET_OPTIONS,
    root: textOption('NODE', 'where to begin: a node id or a browse path (default: the folder Objects)'),
    include: textOption('GLOBS', 'only these, by their path below the root, such as "Line1/**/Temp*,*Speed"'),
    exclude: textOption('GLOBS', 'not these, and nothing below them'),
    max: textOption('N', `so many variables at most (default: ${MAX_TAGS})`),
    depth: textOption('N', `so many levels below the root at most (default: ${MAX_DEPTH})`),
  },
  async run(args) {
    let target: OpcUaTarget | null;
    let request: BrowseRequest;
    try {
      target = opcUaTarget(args);
      if (!target) return 2;
      request = requestOf(args, target.id);
    } catch (error) {
      return sayProblems(error);
    }
    try {
      const { browseServer } = await import('../drivers/opcua/browse-server.ts');
      const { quietClient } = await import('../drivers/opcua/link.ts');
      quietClient(() => {});
      const report = await browseServer(target.device, target.context, request);
      process.stdout.write(report.yaml);
      console.error(account(report, request));
      return 0;
    } catch (error) {
      return sayProblems(new Error(`${target.device.endpoint}: ${messageOf(error)}`));
    } finally {
      target.cleanUp();
    }
  },
};

function requestOf({ options }: CommandArguments, id: string): BrowseRequest {
  const list = (given: unknown) => (typeof given === 'string' ? given.split(',').map((one) => one.trim()) : []);
  const count = (name: string, most: number) => {
    const given = options[name];
    if (given === undefined) return most;
    const number = Number(given);
    if (Number.isInteger(number) && number >= 1 && number <= most) return number;
    throw new LinesideError('COUNT', 'config', `--${name} "${given}": write a whole number from 1 to ${most}`);
  };
  return {
    id,
    root: typeof options.root === 'string' ? options.root : undefined,
    include: list(options.include),
    exclude: list(options.exclude),
    maxTags: count('max', MAX_TAGS),
    maxDepth: count('depth', MAX_DEPTH),
    progress: teller(),
  };
}

/** Says how far it is, once a second at most. */
function teller(): BrowseRequest['progress'] {
  let told = performance.now();
  return (nodes, variables) => {
    if (performance.now() - told < 1000) return;
    told = performance.now();
    console.error(`${nodes} nodes looked into, ${variables} variables`);
  };
}

/** What was found and left out, a line each. */
export function account(
  { tags, nodes, unwanted, leftOut, closed, cut }: BrowseReport,
  request: Pick<BrowseRequest, 'maxTags'>,
): string {
  const lines = [`${tags} tags from ${nodes} nodes`];
  if (unwanted > 0) lines.push(`not wanted: ${unwanted}`);
  for (const [why, count] of leftOut) lines.push(`left out: ${count} (${why})`);
  for (const [status, count] of closed) lines.push(`nodes that the server would not open: ${count} (${status})`);
  if (cut) lines.push(`there is more than ${request.maxTags}: raise --max, or narrow it by --root and --include`);
  return lines.join('\n');
}
