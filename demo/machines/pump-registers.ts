/** The pump station's Modbus map, as data: input registers of unit 2, and the holding register that may be written. */
import type { Register } from '../wire/register.ts';

export const PUMP_UNIT = 2;

export const pumpRegisters: readonly Register[] = [
  {
    address: 0,
    name: 'machineTemperature',
    type: 'float32',
    order: 'ABCD',
    unit: 'degF',
    description: 'The recorded machine temperature, as recorded',
  },
  { address: 2, name: 'flow', type: 'float32', order: 'ABCD', unit: 'm3/h', description: 'Flow now' },
  {
    address: 4,
    name: 'dischargePressure',
    type: 'float32',
    order: 'ABCD',
    unit: 'bar',
    description: 'Pressure at the outlet',
  },
  { address: 6, name: 'vibration', type: 'float32', order: 'ABCD', unit: 'mm/s', description: 'Bearing vibration' },
  { address: 8, name: 'state', type: 'int16', description: 'PackML state number' },
  { address: 9, name: 'statusWord', type: 'uint16', description: 'Bit 0 running, 1 fault' },
  {
    address: 10,
    name: 'deliveredVolume',
    type: 'uint32',
    order: 'ABCD',
    unit: 'l',
    description: 'All water delivered',
  },
  {
    address: 12,
    name: 'offSpecVolume',
    type: 'uint32',
    order: 'ABCD',
    unit: 'l',
    description: 'Delivered outside 3.8 to 4.6 bar',
  },
  {
    address: 14,
    name: 'recordingRow',
    type: 'uint32',
    order: 'ABCD',
    description: 'Row of the recording shown, from 0',
  },
];

export const pumpSettings: readonly Register[] = [
  {
    address: 200,
    name: 'speedSetpoint',
    type: 'uint16',
    scale: 0.1,
    unit: '%',
    description: 'Speed of the motor, in parts of the rated one; 0 to 120',
  },
];
