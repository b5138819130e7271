/** The packer's OPC UA nodes, as data: `ns=<index of the URI>;s=Packer.<name>`. */

export const PACKAGING_NAMESPACE = 'urn:lineside:demo:packaging';

export interface PackerNode {
  name: string;
  dataType: 'Int32' | 'UInt32' | 'UInt16' | 'Double';
  unit?: string;
  /** Sampled each 500 ms of real time; the others change as it happens. */
  analog?: true;
  description: string;
}

export const packerNodes: readonly PackerNode[] = [
  { name: 'StateCurrent', dataType: 'Int32', description: 'PackML state number' },
  {
    name: 'ProdProcessedCount',
    dataType: 'UInt32',
    unit: 'packs',
    description: 'All packs made, good and defective',
  },
  { name: 'ProdDefectiveCount', dataType: 'UInt32', unit: 'packs', description: 'Defective packs' },
  { name: 'CurMachSpeed', dataType: 'Double', unit: 'packs/min', analog: true, description: 'Speed now' },
  { name: 'SealTemperature', dataType: 'Double', unit: '°C', analog: true, description: 'Sealing jaws' },
  { name: 'MotorTemperature', dataType: 'Double', unit: '°C', analog: true, description: 'Main motor' },
  { name: 'FilmTension', dataType: 'Double', unit: 'N', analog: true, description: 'Film before the jaws' },
  {
    name: 'AlarmWord',
    dataType: 'UInt16',
    description: 'Bit 0 film low, 1 seal over-temperature, 2 jam, 3 guard open',
  },
];
