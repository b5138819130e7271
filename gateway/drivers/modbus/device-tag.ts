/** A tag of a Modbus device as the polling sees it. */
import type { DriverTag } from '../driver.ts';
import { isBitTable, parseAddress, said, type Table } from './address.ts';
import type { ModbusTag } from './config.ts';
import { type Layout, type Reader, registerReader, widthOf } from './decode.ts';
import type { Merge, PlanItem } from './plan.ts';

export interface DeviceTag extends PlanItem {
  readonly id: number;
  readonly name: string;
  readonly address: string;
  readonly table: Table;
  readonly offset: number;
  readonly width: number;
  /** How its value lies in its registers. */
  readonly layout: Layout;
  /** Of its registers; a coil or discrete input has its reader from its place in the answer. */
  readonly read: Reader;
  merge: Merge;
  /** Its last sample was a Bad one that says why there are no values. */
  bad: boolean;
  /** The device refuses to read it: it is tried alone, now and then. */
  isolated: boolean;
  /** Monotonic time of the next try while isolated, milliseconds. */
  retryAt: number;
}

/** Throws when the address has not passed `check`. */
export function deviceTag(tag: DriverTag<ModbusTag>): DeviceTag {
  const address = parseAddress(tag.settings.address);
  if (typeof address === 'string') throw new TypeError(address);
  return {
    id: tag.id,
    name: tag.name,
    address: said(address),
    table: address.table,
    offset: address.offset,
    width: isBitTable(address.table) ? 1 : widthOf(tag.settings),
    layout: tag.settings,
    read: registerReader(tag.settings),
    merge: 'gap',
    bad: false,
    isolated: false,
    retryAt: 0,
  };
}
