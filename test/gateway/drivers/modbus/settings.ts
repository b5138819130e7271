/** Settings as the loader hands them over: checked, with defaults. */
import { Value } from 'typebox/value';
import { ModbusDevice, ModbusTag } from '../../../../gateway/drivers/modbus/config.ts';

export function device(settings: Partial<ModbusDevice> & { id?: string }): ModbusDevice & { id: string } {
  const { id, ...rest } = settings;
  const filled = Value.Default(ModbusDevice, { host: '127.0.0.1', ...rest });
  return { id: id ?? 'press', ...Value.Parse(ModbusDevice, filled) };
}

export function tag(address: string, type: ModbusTag['type'], rest: Partial<ModbusTag> = {}): ModbusTag {
  return Value.Parse(ModbusTag, Value.Default(ModbusTag, { address, type, ...rest })) as ModbusTag;
}

export function floats(count: number): ModbusTag[] {
  return Array.from({ length: count }, (_, i) => tag(`holding:${2 * i}`, 'float32'));
}
