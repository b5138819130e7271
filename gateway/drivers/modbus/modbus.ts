/** The Modbus TCP driver, as the registry lists it. */
import type { DriverModule } from '../driver.ts';
import { overloads } from './bus-load.ts';
import { check } from './check.ts';
import { ModbusDevice, ModbusTag, type ModbusType } from './config.ts';
import { Connection } from './connection.ts';
import { endpointOf } from './connection-config.ts';
import { elementsOf } from './elements.ts';
import { ModbusDriver } from './modbus-driver.ts';
import { replayOf } from './replay-transport.ts';

function valueType(type: ModbusType) {
  if (type === 'bool') return 'boolean';
  if (type === 'string') return 'string';
  return type === 'float32' || type === 'float64' ? type : 'integer';
}

export const modbus: DriverModule<ModbusDevice, ModbusTag> = {
  kind: 'modbus',
  deviceSchema: ModbusDevice,
  tagSchema: ModbusTag,
  check,
  doubts: overloads,
  expand: elementsOf,
  valueType: (tag) => valueType(tag.type),
  create: (device, tags, context) => new ModbusDriver(device, tags, context),
  replay: (device, tags, context, playback) => {
    const { clock } = playback;
    const connection = new Connection(endpointOf(device), replayOf(playback, device.timeoutMs), () => {}, clock);
    // Tried without a pause, so that it is back when the recording has it back, whatever the pauses were then.
    const impatient = { ...device, retryMinMs: 1, retryMaxMs: 1 };
    return new ModbusDriver(impatient, tags, context, { connection, clock });
  },
};
