/** What is sent and stands in no cell is proposed as one, in lines that the plant's file takes as they are. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DeviceStatus } from '@lineside/shared/contracts/link.ts';
import type { ProposedTag } from '@lineside/shared/contracts/proposal.ts';
import { expect, test } from 'vitest';
import { loadPlant } from '../../../hub/equipment/plant.ts';
import { equipmentProposals } from '../../../hub/equipment/proposals.ts';

const device = (name: string): DeviceStatus => ({
  ...{ device: name, driver: 'sparkplug', endpoint: '', state: 'up', since: 1, reason: '' },
  ...{ lastGoodAt: 1, requests: 1, errors: 0, missed: 0 },
});
const tag = (name: string, type: string, unit = ''): ProposedTag => ({
  ...{ name, type, unit, value: null, at: null, quality: 0 },
});

test('devices without a cell come with their tags, and the others do not', () => {
  const proposals = equipmentProposals({
    machines: [{ gateway: 'line-1', device: 'packer' }],
    gateways: [
      { id: 'line-1', devices: [device('packer'), device('saw')] },
      { id: 'json:mill', devices: [device('packer')] },
    ],
    tagsOf: (gateway) => (gateway === 'line-1' ? [tag('name', 'string'), tag('oil', 'float64', 'Cel')] : []),
  });
  expect(proposals.map(({ gateway, device, tagCount }) => [gateway, device, tagCount])).toEqual([
    ['line-1', 'saw', 2],
    ['json:mill', 'packer', 0],
  ]);
  expect(proposals[1]!.yaml).not.toContain('show');
});

test.each<[string, string, string, ProposedTag[], string, string[]]>([
  ['sparkplug:plant north/line 1', 'Säge "3" #7', 'a colon and quotes', [], 'sa-ge-3-7', []],
  ['json:mill', '42', 'digits', [], '42', []],
  ['line-1', 'no', 'a word of YAML', [], 'no', []],
  ['line-1', '锯', 'no Latin letter', [], 'machine', []],
  [
    'line-1',
    'saw',
    'many tags',
    [tag('a', 'string'), tag('Machine/State', 'integer'), tag('b: {c}', 'float64'), tag('d', 'boolean')].concat(
      ['p', 'q', 'r'].map((name) => tag(name, 'integer', 'mm')),
    ),
    'saw',
    ['p', 'q', 'r', 'b: {c}'],
  ],
])('of %s, device %s (%s) is taken by the plant’s file', (gateway, name, _what, tags, id, shown) => {
  const [proposal] = equipmentProposals({
    ...{ machines: [], gateways: [{ id: gateway, devices: [device(name)] }] },
    tagsOf: () => tags,
  });
  const { yaml } = proposal!;
  const dir = mkdtempSync(join(tmpdir(), 'lineside-proposals-'));
  const lines = yaml.replaceAll('# state', 'state').replaceAll('# counters', 'counters');
  for (const cell of [yaml, lines]) {
    const head = `enterprise: { id: acme, name: Acme }
sites:
  - id: hh
    name: HH
    timeZone: UTC
    shifts: [{ name: Day, from: "00:00", to: "00:00" }]
    areas:
      - id: a
        name: A
        lines:
          - id: l
            name: L
            cells:
`;
    const file = join(dir, 'plant.yaml');
    writeFileSync(file, `${head}${cell.replaceAll(/^(?=.)/gm, '              ')}`);
    const [machine] = loadPlant(file).machines;
    expect(machine).toMatchObject({ path: `acme/hh/a/l/${id}`, gateway, device: name });
    expect(machine!.show.map(({ tag }) => tag)).toEqual(shown);
  }
  rmSync(dir, { recursive: true });
});
