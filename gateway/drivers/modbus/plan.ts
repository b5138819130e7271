/**
 * Which requests read a set of tags: neighbours become one block, with up to `maxGap` registers read along unasked.
 * One round trip costs more than a hundred registers, so merging is what makes polling cheap.
 */
import { isBitTable, type Table } from './address.ts';

/** How far a tag may be merged; lowered when the device refuses a block whose tags it gives one by one. */
export type Merge = 'gap' | 'adjacent' | 'alone';

export interface PlanItem {
  table: Table;
  offset: number;
  /** Registers, or 1 for a coil or discrete input. */
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
}

const TABLES: Table[] = ['coil', 'discrete', 'input', 'holding'];

/** Blocks by table and ascending offset. An item wider than `maxBlock` gets a block of its own. */
export function plan<Item extends PlanItem>(items: readonly Item[], limits: PlanLimits): PlannedBlock<Item>[] {
  const sorted = [...items].sort(
    (a, b) => TABLES.indexOf(a.table) - TABLES.indexOf(b.table) || a.offset - b.offset || a.width - b.width,
  );
  const blocks: PlannedBlock<Item>[] = [];
  let block: PlannedBlock<Item> | null = null;
  for (const item of sorted) {
    if (block && fits(block, item, limits)) {
      block.items.push(item);
      block.count = Math.max(block.count, item.offset + item.width - block.offset);
    } else {
      block = { table: item.table, offset: item.offset, count: item.width, items: [item] };
      blocks.push(block);
    }
  }
  return blocks;
}

function fits(block: PlannedBlock<PlanItem>, item: PlanItem, limits: PlanLimits): boolean {
  if (block.table !== item.table) return false;
  const before = block.items.at(-1)!;
  if (before.merge === 'alone' || item.merge === 'alone') return false;
  const unit = isBitTable(item.table) ? 16 : 1;
  const gap = before.merge === 'adjacent' || item.merge === 'adjacent' ? 0 : limits.maxGap * unit;
  if (item.offset - (block.offset + block.count) > gap) return false;
  return item.offset + item.width - block.offset <= limits.maxBlock * unit;
}
