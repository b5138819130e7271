/** A device that sends data and is no machine of the plant yet, with what it takes to make it one. */
import { type Static, Type } from 'typebox';
import { DeviceState } from './link.ts';

export const ProposedTag = Type.Object({
  name: Type.String(),
  type: Type.String({ description: 'float64, float32, integer, boolean or string' }),
  unit: Type.String(),
  /** The last one that has come; null when there is none. */
  value: Type.Union([Type.Number(), Type.Boolean(), Type.String(), Type.Null()]),
  at: Type.Union([Type.Integer(), Type.Null()], { description: 'source time, milliseconds since 1970 UTC' }),
  quality: Type.Integer({ description: 'OPC UA status code' }),
});
export type ProposedTag = Static<typeof ProposedTag>;

export const EquipmentProposal = Type.Object({
  gateway: Type.String(),
  device: Type.String(),
  state: DeviceState,
  tags: Type.Array(ProposedTag, { description: 'by name, the first 100' }),
  /** All of them. */
  tagCount: Type.Integer({ minimum: 0 }),
  yaml: Type.String({ description: 'a cell for the cells of a line in the plant’s file' }),
});
export type EquipmentProposal = Static<typeof EquipmentProposal>;
