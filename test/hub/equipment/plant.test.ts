import { resolve } from 'node:path';
import { ConfigDocument, ConfigError, formatProblem } from '@lineside/shared/config/config-document.ts';
import { describe, expect, test } from 'vitest';
import { loadPlant, plantOf } from '../../../hub/equipment/plant.ts';

const SOUND = `enterprise: { id: acme, name: Acme }
sites:
  - id: hamburg
    name: Hamburg
    timeZone: Europe/Berlin
    shifts:
      - { name: Early, from: "06:00", to: "14:00" }
      - { name: Late, from: "14:00", to: "22:00" }
    areas:
      - id: packaging
        name: Packaging
        lines:
          - id: line-1
            name: Line 1
            cells:
              - id: packer
                name: Packer
                gateway: line-1
                device: packer
                state:
                  tag: state
                counters:
                  total: produced
                  idealPerHour: 7200
                show:
                  - { tag: speed }
`;

function problems(text: string): string[] {
  try {
    plantOf(ConfigDocument.parse('plant.yaml', text));
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map((problem) => formatProblem(problem));
    throw error;
  }
  return [];
}

describe('the plant’s YAML', () => {
  test('becomes nodes, parents first, and machines with what they take from their site', () => {
    const plant = plantOf(ConfigDocument.parse('plant.yaml', SOUND));
    expect(plant.nodes.map(({ level, path, parent }) => [level, path, parent])).toEqual([
      ['enterprise', 'acme', null],
      ['site', 'acme/hamburg', 'acme'],
      ['area', 'acme/hamburg/packaging', 'acme/hamburg'],
      ['line', 'acme/hamburg/packaging/line-1', 'acme/hamburg/packaging'],
      ['cell', 'acme/hamburg/packaging/line-1/packer', 'acme/hamburg/packaging/line-1'],
    ]);
    expect(plant.machines).toMatchObject([
      {
        path: 'acme/hamburg/packaging/line-1/packer',
        timeZone: 'Europe/Berlin',
        shifts: [{ days: [1, 2, 3, 4, 5, 6, 7] }, { name: 'Late' }],
        counters: { scale: 1, unit: 'parts' },
        show: [{ tag: 'speed', decimals: 1 }],
      },
    ]);
  });

  test('the demo’s is sound', () => {
    expect(loadPlant(resolve(import.meta.dirname, '../../../config/demo/plant.yaml')).machines).toHaveLength(3);
  });

  test.each<[mistake: string, change: [string | RegExp, string], want: RegExp]>([
    [
      'a slip of the finger in a key',
      ['shifts:', 'timezone: UTC\n    shifts:'],
      /^plant\.yaml:6: site "hamburg": unknown key "timezone"; did you mean "timeZone"\?$/,
    ],
    [
      'an unknown key deep down',
      ['idealPerHour: 7200', 'idealRate: 7200'],
      /^plant\.yaml:24: site "hamburg", area "packaging", line "line-1", cell "packer": unknown key "idealRate"; .*idealPerHour/,
    ],
    [
      'no such time zone',
      ['Europe/Berlin', 'Europe/Hamburg'],
      /^plant\.yaml:5: site "hamburg": "Europe\/Hamburg" is no time zone; write one such as Europe\/Berlin$/,
    ],
    [
      'a time of day that is none',
      ['"14:00" }', '"24:00" }'],
      /^plant\.yaml:7: site "hamburg", shift "Early": "to" is "24:00", which does not fit; End, local time/,
    ],
    [
      'a weekday that is none',
      ['to: "22:00" }', 'to: "22:00", days: [0] }'],
      /^plant\.yaml:8: site "hamburg", shift "Late", day 1: .* is 0, but must be >= 1$/,
    ],
    [
      'an id with capitals',
      ['id: packer', 'id: Packer'],
      /^plant\.yaml:16: .*cell "Packer": "id" is "Packer", which does not fit; Part of the path; lower-case/,
    ],
    [
      'something missing',
      ['                device: packer\n', ''],
      /^plant\.yaml:16: .*cell "packer": "device" is missing; add it$/,
    ],
    ['a negative rate', ['7200', '-1'], /^plant\.yaml:24: .*cell "packer": "idealPerHour" is -1, but must be > 0$/],
    [
      'a category that is none',
      ['tag: state\n', 'tag: state\n                  map: { "1": { name: Running, category: running } }\n'],
      /^plant\.yaml:22: .*cell "packer": "category" is "running", but must be one of producing, idle, stopped, down$/,
    ],
    [
      'no shifts',
      [/ {4}shifts:\n.*\n.*\n/, '    shifts: []\n'],
      /^plant\.yaml:6: site "hamburg": "shifts" is \[\], but/,
    ],
    [
      'a key twice',
      ['    name: Hamburg', '    name: H\n    name: Hamburg'],
      /^plant\.yaml:5: not valid YAML: the key "name" stands here a second time/,
    ],
  ])('%s', (_mistake, [from, to], want) => {
    const text = SOUND.replace(from, to);
    expect(text).not.toBe(SOUND);
    expect(problems(text)).toEqual([expect.stringMatching(want)]);
  });

  test('two of the same path are named with the line of the second', () => {
    const cell = SOUND.slice(SOUND.indexOf('              - id: packer'));
    expect(problems(SOUND + cell)).toEqual([
      expect.stringMatching(
        /^plant\.yaml:27: .*cell "packer": the path acme\/hamburg\/packaging\/line-1\/packer is there twice; give one of them another id$/,
      ),
    ]);
  });

  test('all mistakes are told at once', () => {
    expect(problems(SOUND.replace('gateway:', 'gatway:').replace('"06:00"', '"6:00"'))).toHaveLength(3);
  });
});
