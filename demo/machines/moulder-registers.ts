/** The moulder's Modbus map, as data: holding registers of unit 1, with word orders mixed as in the field. */
import type { Register } from '../wire/register.ts';

export const MOULDER_UNIT = 1;

export const moulderRegisters: readonly Register[] = [
  {
    address: 100,
    name: 'barrelTemperatureZone1',
    type: 'float32',
    order: 'ABCD',
    unit: '°C',
    description: 'Barrel zone 1',
  },
  {
    address: 102,
    name: 'barrelTemperatureZone2',
    type: 'float32',
    order: 'CDAB',
    unit: '°C',
    description: 'Barrel zone 2',
  },
  { address: 104, name: 'mouldTemperature', type: 'float32', order: 'ABCD', unit: '°C', description: 'Mould' },
  {
    address: 106,
    name: 'injectionPressure',
    type: 'float32',
    order: 'CDAB',
    unit: 'bar',
    description: 'Injection pressure now',
  },
  { address: 108, name: 'clampForce', type: 'int16', scale: 0.1, unit: 'kN', description: 'Clamp force now' },
  { address: 109, name: 'cycleTime', type: 'uint16', scale: 0.01, unit: 's', description: 'Last whole cycle' },
  {
    address: 110,
    name: 'shotCount',
    type: 'uint32',
    order: 'CDAB',
    unit: 'shots',
    description: 'All shots, good and reject',
  },
  { address: 112, name: 'rejectCount', type: 'uint32', order: 'CDAB', unit: 'shots', description: 'Rejected shots' },
  {
    address: 114,
    name: 'statusWord',
    type: 'uint16',
    description: 'Bit 0 running, 1 ready or idle, 2 fault, 3 emergency stop, 4 door open',
  },
  { address: 115, name: 'state', type: 'int16', description: 'PackML state number' },
  { address: 116, name: 'screwWear', type: 'int16', scale: 0.01, unit: '%', description: 'Screw wear' },
];

/** Discrete inputs 0 to 4 mirror the status word's bits. */
export const MOULDER_STATUS_BITS = 5;
