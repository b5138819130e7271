/**
 * Which requests read a set of tags: neighbours become one block, with up to `maxGap` registers read along unasked.
 * One round trip costs more than a hundred registers, so merging is what makes polling cheap.
 *
 * Blocks are opened at the lowest tag that none has yet and take every tag behind it that fits. With blocks of one
 * greatest length that is the fewest there can be: a block that holds the lowest tag cannot begin behind it, and
 * beginning before it only makes it end earlier. Gaps and forbidden ranges cut the table into parts that no block
 * spans, which are then planned apart.
 */
import { type AddressRange, isBitTable, parseRange, type Table } from './address.ts';
import type { ModbusDevice } from './config.ts';

/** How far a tag may be merged; lowered when the device refuses a block whose tags it gives one by one. */
export type Merge = 'gap' | 'adjacent' | 'alone';

export interface PlanItem {
  table: Table;
  offset: number;
  /** Registers; 1 for a coil or discrete input. */
  width: number;
  merge: Merge;
}

export interface PlannedBlock<Item> {
  table: Table;
  offset: number;
  /** Registers or bits. */
  count: number;
  /** By ascending offset. */
  items: Item[];
}

export interface PlanLimits {
  /** Registers; times 16 for bits. */
  maxGap: number;
  /** Registers, at most 125; times 16 for bits (2000, the protocol's own limit, at 125). */
  maxBlock: number;
  /** Never touched, not even to read across. */
  forbidden?: readonly AddressRange[];
  /** False: only tags of the very same registers share a request. */
  coalesce?: boolean;
}

/** The limits that a device's settings give. Ranges that cannot be read are left out: `check` names them. */
export function limitsOf(device: Pick<ModbusDevice, 'maxGap' | 'maxBlock' | 'forbidden' | 'coalesce'>): PlanLimits {
  const forbidden = device.forbidden.map(parseRange).filter((range) => typeof range !== 'string');
  return { maxGap: device.maxGap, maxBlock: device.maxBlock, coalesce: device.coalesce, forbidden };
}

const TABLES: Table[] = ['coil', 'discrete', 'input', 'holding'];

/**
 * The requests for these items, by table and ascending offset. Each item is whole within one block. An item wider
 * than `maxBlock`, and one that lies in a forbidden range, gets a block of its own: `check` lets neither pass.
 */
export function plan<Item extends PlanItem>(items: readonly Item[], limits: PlanLimits): PlannedBlock<Item>[] {
  const sorted = [...items].sort(
    (a, b) => TABLES.indexOf(a.table) - TABLES.indexOf(b.table) || a.offset - b.offset || a.width - b.width,
  );
  const merged = sorted.filter((item) => !isAlone(item, limits));
  const alone = sorted.filter((item) => isAlone(item, limits));
  const blocks = [
    ...gather(merged, (block, item) => fits(block, item, limits)),
    ...gather(alone, (block, item) => block.offset === item.offset && block.count === item.width),
  ];
  return alone.length === 0
    ? blocks
    : blocks.sort((a, b) => TABLES.indexOf(a.table) - TABLES.indexOf(b.table) || a.offset - b.offset);
}

function isAlone(item: PlanItem, limits: PlanLimits): boolean {
  return item.merge === 'alone' || limits.coalesce === false;
}

function gather<Item extends PlanItem>(
  sorted: Item[],
  joins: (block: PlannedBlock<Item>, item: Item) => boolean,
): PlannedBlock<Item>[] {
  const blocks: PlannedBlock<Item>[] = [];
  for (const item of sorted) {
    const block = blocks.at(-1);
    if (block && block.table === item.table && joins(block, item)) {
      block.items.push(item);
      block.count = Math.max(block.count, item.offset + item.width - block.offset);
    } else {
      blocks.push({ table: item.table, offset: item.offset, count: item.width, items: [item] });
    }
  }
  return blocks;
}

function fits(block: PlannedBlock<PlanItem>, item: PlanItem, limits: PlanLimits): boolean {
  const before = block.items.at(-1)!;
  const unit = isBitTable(item.table) ? 16 : 1;
  const gap = before.merge === 'adjacent' || item.merge === 'adjacent' ? 0 : limits.maxGap * unit;
  const end = block.offset + block.count;
  if (item.offset - end > gap) return false;
  if (item.offset + item.width - block.offset > limits.maxBlock * unit) return false;
  return !limits.forbidden?.some(
    ({ table, first, last }) => table === block.table && first < item.offset + item.width && last >= block.offset,
  );
}
