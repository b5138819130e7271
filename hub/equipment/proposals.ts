/** Devices that send data and stand in no cell of the plant's file: what a cell of each would look like. */
import type { DeviceStatus } from '@lineside/shared/contracts/link.ts';
import type { EquipmentProposal, ProposedTag } from '@lineside/shared/contracts/proposal.ts';

export interface ProposalsOptions {
  machines: readonly { gateway: string; device: string }[];
  gateways: readonly { id: string; devices: readonly DeviceStatus[] }[];
  /** Tags of a device by name. */
  tagsOf(gateway: string, device: string): ProposedTag[];
}

const MAX_TAGS = 100;
const MAX_PROPOSALS = 500;
/** Of a name in the plant’s file. */
const MAX_NAME = 100;
/** What a tile shows of a machine; plant.yaml takes six. */
const SHOWN = 4;

export function equipmentProposals({ machines, gateways, tagsOf }: ProposalsOptions): EquipmentProposal[] {
  const known = new Set(machines.map(({ gateway, device }) => `${gateway}\n${device}`));
  const proposals: EquipmentProposal[] = [];
  for (const { id: gateway, devices } of gateways) {
    for (const { device, state } of devices) {
      if (known.has(`${gateway}\n${device}`)) continue;
      if (proposals.length >= MAX_PROPOSALS) return proposals;
      const tags = tagsOf(gateway, device);
      proposals.push({
        ...{ gateway, device, state, tagCount: tags.length },
        tags: tags.slice(0, MAX_TAGS),
        yaml: cellYaml(gateway, device, tags),
      });
    }
  }
  return proposals;
}

/** State and counters stay comments: which tags these are, somebody has to know. */
function cellYaml(gateway: string, device: string, tags: readonly ProposedTag[]): string {
  const find = (words: RegExp, types: RegExp) => tags.find(({ name, type }) => words.test(name) && types.test(type));
  const state = find(/stat(e|us)\b/i, /integer/)?.name;
  const total = find(/(total|count|parts)/i, /integer|float/)?.name;
  // What changes and can be read at a glance.
  const shown = [...tags]
    .sort((a, b) => rank(a) - rank(b))
    .filter(({ name }) => name !== state)
    .slice(0, SHOWN);
  return [
    `- id: ${idOf(device)}`,
    `  name: ${quoted(device.slice(0, MAX_NAME))}`,
    `  gateway: ${quoted(gateway)}`,
    `  device: ${quoted(device)}`,
    `  # The tag that tells the state by PackML's numbers; a map beside it names other numbers.`,
    `  # state: { tag: ${quoted(state ?? 'state')} }`,
    `  # counters: { total: ${quoted(total ?? 'total')}, unit: parts, idealPerHour: 1000 }`,
    ...(shown.length === 0 ? [] : ['  show:']),
    ...shown.map(({ name, type }) => `    - { tag: ${quoted(name)}${type === 'integer' ? ', decimals: 0' : ''} }`),
    '',
  ].join('\n');
}

function rank({ type, unit }: ProposedTag): number {
  const isNumber = type !== 'string' && type !== 'boolean';
  return (isNumber ? 0 : 2) + (unit === '' ? 1 : 0);
}

/** An id that the plant's file takes; unique it is to be made by who pastes it. */
function idOf(device: string): string {
  const plain = device
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 60)
    .replaceAll(/^-+|-+$/g, '');
  return quotedId(plain || 'machine');
}

/** An id of digits alone would be a number in YAML. */
function quotedId(id: string): string {
  return /^[a-z]/.test(id) && !/^(true|false|null|yes|no|on|off|y|n)$/.test(id) ? id : JSON.stringify(id);
}

/** A text of JSON is one of YAML 1.2 as well. */
function quoted(text: string): string {
  return JSON.stringify(text);
}
