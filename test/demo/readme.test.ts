import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { faultNames } from '../../demo/machines/machine.ts';
import { moulderRegisters } from '../../demo/machines/moulder-registers.ts';
import { packerNodes } from '../../demo/machines/packer-nodes.ts';
import { pumpRegisters, pumpSettings } from '../../demo/machines/pump-registers.ts';
import { usage } from '../../demo/options.ts';

const readme = readFileSync(new URL('../../demo/README.md', import.meta.url), 'utf8');
const rows = readme
  .split('\n')
  .filter((line) => line.startsWith('|'))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

describe("the demo's README", () => {
  it.each(moulderRegisters)('has the moulder register $name as it is', (register) => {
    const { address, name, type, order = '', scale = '', unit = '' } = register;
    const row = rows.find((cells) => cells[1] === `\`${name}\``);
    expect(row?.slice(0, 6)).toEqual([String(address), `\`${name}\``, type, order, String(scale), unit]);
  });

  it.each(pumpRegisters)('has the pump register $name as it is', (register) => {
    const { address, name, type, order = '', unit = '' } = register;
    const row = rows.find((cells) => cells[0] === String(address));
    expect(row?.slice(0, 5)).toEqual([String(address), `\`${name}\``, type, order, unit]);
  });

  it.each(pumpSettings)('has the setting $name of the pump as it is', (register) => {
    const { address, name, type, order = '', scale = '', unit = '' } = register;
    const row = rows.find((cells) => cells[1] === `\`${name}\``);
    expect(row?.slice(0, 6)).toEqual([String(address), `\`${name}\``, type, order, String(scale), unit]);
  });

  it.each(packerNodes)('has the node $name as it is', ({ name, dataType, unit = '', analog }) => {
    const row = rows.find((cells) => cells[0] === `\`${name}\``);
    expect(row?.slice(1, 4)).toEqual([dataType, unit, analog ? 'each 500 ms' : 'at once']);
  });

  it('names every fault and every flag', () => {
    const first = rows.map((cells) => cells[0]);
    for (const fault of faultNames) expect(first).toContain(`\`${fault}\``);
    for (const [, flag] of usage.matchAll(/^ {2}(--[a-z-]+)/gm)) {
      expect(first.some((cell) => cell?.startsWith(`\`${flag}`))).toBe(true);
    }
  });
});
