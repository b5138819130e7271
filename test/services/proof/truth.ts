/** The plant's truth file, and what each configured tag can have read of it. */
import { readFileSync } from 'node:fs';
import type { LoadedConfig, TagEntry } from '../../../gateway/config/load-config.ts';

/** One line of the truth file; demo/README.md tells the fields. */
interface TruthLine {
  m: string;
  t: number;
  n?: string;
  v?: number | null;
  q?: number;
  f?: number;
  a?: number;
  w?: number[];
  b?: number[];
}

/** A value that the plant has served or offered of one tag. */
export interface Served {
  at: number;
  value: number | boolean | null;
  quality: number;
}

export interface TruthTag {
  key: string;
  device: string;
  kind: 'opcua' | 'modbus';
  deadband: number | undefined;
  served: Served[];
}

interface ModbusSettings {
  address: string;
  type: string;
  wordOrder: string;
  bit?: number;
}

const READ_CODE: Record<string, number> = { coil: 1, discrete: 2, holding: 3, input: 4 };

export function readTruth(file: string, config: LoadedConfig): TruthTag[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  const truth = lines.filter((line) => line !== '').map((line) => JSON.parse(line) as TruthLine);
  return config.devices.flatMap((device) => {
    const own = truth.filter(({ m }) => m === device.id);
    return device.tags.map((tag): TruthTag => {
      const kind = device.driver === 'opcua' ? 'opcua' : 'modbus';
      const served = kind === 'opcua' ? nodeValues(own, tag) : registerValues(own, tag);
      return { key: `${device.id}/${tag.name}`, device: device.id, kind, deadband: tag.deadband, served };
    });
  });
}

function nodeValues(lines: TruthLine[], tag: TagEntry): Served[] {
  const name = (tag.settings as { nodeId: string }).nodeId.replace(/^.*;s=Packer\./, '');
  return lines.filter(({ n }) => n === name).map(({ t, v, q }) => ({ at: t, value: v ?? null, quality: q! }));
}

/** Decoded here anew, not by the gateway's own code. */
function registerValues(lines: TruthLine[], tag: TagEntry): Served[] {
  const { address, type, wordOrder, bit } = tag.settings as ModbusSettings;
  const [table, digits] = address.split(':') as [string, string];
  const first = Number(digits);
  const width = /32$/.test(type) ? 2 : 1;
  const served: Served[] = [];
  for (const { f, a, w, b, t } of lines) {
    const cells = w ?? b;
    if (f !== READ_CODE[table] || !cells || a === undefined) continue;
    if (first < a || first + width > a + cells.length) continue;
    const own = cells.slice(first - a, first - a + width);
    const raw = type === 'bool' ? ((own[0]! >> (bit ?? 0)) & 1) === 1 : number(own, type, wordOrder);
    const value = typeof raw === 'number' && tag.scale !== 1 ? raw * tag.scale + tag.offset : raw;
    served.push({ at: t, value, quality: 0 });
  }
  return served;
}

function number(words: number[], type: string, wordOrder: string): number {
  const [high, low] =
    wordOrder === 'CDAB' && words.length === 2 ? [words[1]!, words[0]!] : [words[0]!, words[1] ?? 0];
  const view = new DataView(new ArrayBuffer(4));
  view.setUint16(0, high);
  view.setUint16(2, low);
  if (type === 'float32') return view.getFloat32(0);
  if (type === 'uint32') return view.getUint32(0);
  if (type === 'int16') return view.getInt16(0);
  if (type === 'uint16') return view.getUint16(0);
  throw new Error(`this proof does not know the type ${type}`);
}
