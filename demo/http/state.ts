/** What the page and `GET /api/state` show. */
import { faultText } from '../faults.ts';
import { faultNames, type MachineName, machineNames } from '../machines/machine.ts';
import { moulderRegisters } from '../machines/moulder-registers.ts';
import { packerNodes } from '../machines/packer-nodes.ts';
import { stateName } from '../machines/packml.ts';
import { pumpRegisters } from '../machines/pump-registers.ts';
import type { PlantFloor } from '../plant-floor.ts';
import { urlHost } from '../wire/url-host.ts';

const CATALOGUE: Record<MachineName, { title: string; protocol: string; values: readonly Shown[] }> = {
  packer: { title: 'Packer', protocol: 'OPC UA', values: packerNodes },
  moulder: { title: 'Moulder', protocol: 'Modbus TCP, unit 1', values: moulderRegisters },
  pump: { title: 'Pump station', protocol: 'Modbus TCP, unit 2', values: pumpRegisters },
};

interface Shown {
  name: string;
  unit?: string;
  description: string;
}

/** The whole plant, as JSON. */
export function plantState(floor: PlantFloor, host: string): object {
  const { opcua, moulder, pump } = floor.addresses();
  const addresses: Record<MachineName, string> = {
    packer: opcua.endpoint,
    moulder: `${urlHost(host)}:${moulder.port}`,
    pump: `${urlHost(host)}:${pump.port}`,
  };
  return {
    time: Date.now(),
    speed: floor.speed,
    machines: machineNames.map((name) => {
      const machine = floor[name];
      const { title, protocol, values } = CATALOGUE[name];
      const current = machine.values();
      return {
        name,
        title,
        protocol,
        address: addresses[name],
        state: { code: machine.state, name: stateName(machine.state) },
        values: values.map((shown) => ({
          name: shown.name,
          description: shown.description,
          value: Math.round((current[shown.name] ?? 0) * 100) / 100,
          unit: shown.unit ?? '',
        })),
        faults: faultNames.map((fault) => ({
          name: fault,
          active: machine.faults.has(fault),
          once: fault === 'counterReset',
          ...faultText(name, fault),
        })),
      };
    }),
  };
}
