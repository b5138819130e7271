/** `gateway probe opcua`: learns what a server offers and takes, and prints it as YAML to paste. */

import { type Command, sayProblems } from '@lineside/shared/cli/command.ts';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { interruption } from './interruption.ts';
import { OPCUA_TARGET_OPTIONS, type OpcUaTarget, opcUaTarget } from './opcua-target.ts';

export const probeOpcua: Command = {
  words: 'probe opcua',
  summary: 'find out what an OPC UA server offers and takes, as YAML to paste; never writes',
  options: OPCUA_TARGET_OPTIONS,
  async run(args) {
    let target: OpcUaTarget | null;
    try {
      target = opcUaTarget(args);
    } catch (error) {
      return sayProblems(error);
    }
    if (!target) return 2;
    const { id, device, context } = target;
    const stop = interruption();
    try {
      const { probeOpcUa } = await import('../drivers/opcua/probe.ts');
      const { serverTable, serverYaml } = await import('../drivers/opcua/probe-report.ts');
      const { quietClient } = await import('../drivers/opcua/link.ts');
      quietClient(() => {});
      const progress = (words: string) => console.error(words);
      const profile = await probeOpcUa(device, context, { progress, signal: stop.signal });
      console.error(['', ...serverTable(profile, device.endpoint), ''].join('\n'));
      await stop.print(serverYaml(profile, id, device, new Date()));
      return profile.noSession === null ? 0 : 1;
    } catch (error) {
      return sayProblems(new Error(`${device.endpoint}: ${messageOf(error)}`));
    } finally {
      stop.end();
      target.cleanUp();
    }
  },
};
