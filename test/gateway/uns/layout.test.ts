import { describe, expect, test } from 'vitest';
import type { EquipmentConfig, UnsConfig } from '../../../gateway/uns/config.ts';
import { UnsLayout } from '../../../gateway/uns/layout.ts';

const TEMPLATE = '{enterprise}/{site}/{area}/{line}/{cell}/{tagPath}';

function layout(change: Partial<UnsConfig> = {}): UnsLayout {
  const config: UnsConfig = {
    enabled: true,
    enterprise: 'acme',
    template: TEMPLATE,
    style: 'lineside',
    minIntervalMs: 0,
  };
  return new UnsLayout({ ...config, ...change }, 'gw-1');
}

describe('a value’s topic', () => {
  test.each<[change: Partial<UnsConfig>, equipment: EquipmentConfig | undefined, tag: string, topic: string]>([
    [{}, undefined, 'speed', 'uns/v1/acme/press/speed'],
    [{ site: 'hamburg', area: 'forming' }, undefined, 'speed', 'uns/v1/acme/hamburg/forming/press/speed'],
    [{ area: 'forming', line: 'l1' }, { line: 'l2' }, 'speed', 'uns/v1/acme/forming/l2/press/speed'],
    [{ area: 'forming', line: 'l1' }, { path: 'hall/9/p7' }, 'speed', 'uns/v1/acme/hall/9/p7/speed'],
    [{}, { cell: 'p7' }, 'oil.temperature', 'uns/v1/acme/p7/oil/temperature'],
    [{}, undefined, 'zone[3]', 'uns/v1/acme/press/zone/3'],
    [{ template: '{enterprise}/{cell}/{tag}' }, undefined, 'oil.zone[3]', 'uns/v1/acme/press/oil.zone_3'],
    [
      { template: 'plant-{enterprise}/{gateway}/{device}/{tagPath}' },
      { cell: 'x' },
      'v',
      'uns/v1/plant-acme/gw-1/press/v',
    ],
    [{ prefix: 'works' }, undefined, 'v', 'works/acme/press/v'],
    [
      { style: 'umh' },
      { area: 'Halle Süd', cell: 'p.7' },
      'oil.zone[3]',
      'umh/v1/acme/Halle_S_d/p_7/_historian/oil/zone/3',
    ],
  ])('%o, %o: %s', (change, equipment, tag, topic) => {
    expect(layout(change).tagOf({ id: 'press', equipment }, tag).value).toBe(topic);
  });
});

test('states, alarms and the gateway stand where their devices do', () => {
  const place = layout({ site: 'hamburg', line: 'l1' });
  const press = { id: 'press', equipment: { cell: 'p7' } };
  expect(place.stateOf(press)).toBe('uns/v1/acme/hamburg/l1/p7/_state/press');
  expect(place.alarmOf(press, 'hot')).toBe('uns/v1/acme/hamburg/l1/p7/_alarm/hot');
  expect(place.gateway()).toBe('uns/v1/acme/hamburg/l1/_gateway/gw-1');
  expect(place.tagOf(press, 'speed').set).toBe('uns/v1/acme/hamburg/l1/p7/speed/set');
});
