import { isFilter, matches, UnsTopics } from '@lineside/shared/uns/topics.ts';
import { expect, test } from 'vitest';

test.each<[filter: string, topic: string, means: boolean]>([
  ['uns/v1/acme/#', 'uns/v1/acme', true],
  ['uns/v1/acme/#', 'uns/v1/acme/hamburg/press/speed', true],
  ['uns/v1/acme/#', 'uns/v1/acme2/hamburg', false],
  ['uns/+/acme', 'uns/v1/acme', true],
  ['uns/+', 'uns/v1/acme', false],
  ['uns/v1/acme/+', 'uns/v1/acme', false],
  ['#', 'uns/v1', true],
  ['#', '$SYS/broker', false],
  ['+/broker', '$SYS/broker', false],
  ['uns/v1', 'uns/v1', true],
  ['uns/v1', 'uns/v1/acme', false],
])('the filter %s and the topic %s', (filter, topic, means) => expect(matches(filter, topic)).toBe(means));

test.each([
  ['uns/#', true],
  ['#', true],
  ['uns/+/a', true],
  ['uns/#/a', false],
  ['uns/a#', false],
  ['uns/a+', false],
  ['', false],
])('%s as a filter', (filter, sound) => expect(isFilter(filter)).toBe(sound));

test('a topic says where a thing is and what it is, in either style', () => {
  const lineside = new UnsTopics({ style: 'lineside' });
  expect(lineside.value('acme/hamburg/press', ['oil', 'temperature'])).toBe(
    'uns/v1/acme/hamburg/press/oil/temperature',
  );
  expect(lineside.set('acme/press', ['speed'])).toBe('uns/v1/acme/press/speed/set');
  expect(lineside.isSet('uns/v1/acme/press/speed/set')).toBe(true);
  expect(lineside.isSet('uns/v1/acme/press/speed/set/result')).toBe(false);
  expect(lineside.isSet('other/v1/acme/press/speed/set')).toBe(false);
  expect(lineside.alarm('acme/press', 'Motor #1/too+hot')).toBe('uns/v1/acme/press/_alarm/Motor _1_too_hot');
  const umh = new UnsTopics({ style: 'umh' });
  expect(umh.value('acme/Halle Süd/press', ['a.b', 'c'])).toBe('umh/v1/acme/Halle_S_d/press/_historian/a_b/c');
  expect(umh.set('acme/press', ['speed'])).toBe('umh/v1/acme/press/_set/speed');
  expect(umh.isSet('umh/v1/acme/press/_set/speed')).toBe(true);
  expect(umh.isSet('umh/v1/acme/press/_set/speed/result')).toBe(false);
  expect(umh.alarm('acme/press', 'lineside.hot')).toBe('umh/v1/acme/press/_alarm/lineside_hot');
});
