/** What topics and payloads of others mean, as data. */
import { Quality } from '@lineside/shared/contracts/quality.ts';
import { describe, expect, test } from 'vitest';
import { jsonSamples } from '../../../hub/foreign/json-samples.ts';
import { JsonTopic } from '../../../hub/foreign/json-topic.ts';

const NOW = 1_795_000_000_000;
const FIELDS = { value: 'value', time: 'timestamp_ms' };

describe('a topic', () => {
  test.each<[string, string, string, [string, string] | null]>([
    ['machines/{device}/{tag}', 'machines/+/+', 'machines/press/oil', ['press', 'oil']],
    ['machines/{device}/{tag}', 'machines/+/+', 'machines/press', null],
    ['machines/{device}/{tag}', 'machines/+/+', 'machines/press/oil/temperature', null],
    ['machines/{device}/{tag}', 'machines/+/+', 'machines//oil', null],
    ['machines/{device}', 'machines/+', 'machines/press', ['press', '']],
    ['{site}/+/{device}/state', '+/+/+/state', 'hh/line-1/press/state', ['press', '']],
    ['{site}/+/{device}/state', '+/+/+/state', 'hh/line-1/press/alarm', null],
    ['plant/{device}/{tag...}', 'plant/+/#', 'plant/press/oil/temperature', ['press', 'oil.temperature']],
    ['plant/{device}/{tag...}', 'plant/+/#', 'plant/press', null],
    ['plant/{device}/{tag...}', 'plant/+/#', 'plant/press/', null],
  ])('%s takes %s, and %s', (pattern, filter, topic, meaning) => {
    const known = new JsonTopic(pattern);
    expect(known.filter).toBe(filter);
    expect(known.read(topic)).toEqual(meaning && { device: meaning[0], tag: meaning[1] });
  });

  test.each([
    ['machines/+', /\{device\} once/],
    ['{device}/{device}', /\{device\} once/],
    ['{device}/{tag}/{tag}', /more than one \{tag\}/],
    ['{device}/{tag...}/x', /only be at its end/],
    ['{device}/#', /"#" is no level/],
    ['{device}/a{tag}', /is no level/],
    ['', /is no level/],
  ])('of the pattern "%s" is refused', (pattern, words) => {
    expect(() => new JsonTopic(pattern)).toThrow(words);
  });
});

describe('a payload', () => {
  const read = (text: string, tag = '') =>
    jsonSamples(Buffer.from(text), tag, FIELDS, NOW).map(({ tag: name, value, at, quality }) => [
      name,
      value,
      at === NOW ? 'now' : at,
      quality,
    ]);
  const AT = 1_794_000_000_000;

  test.each<[string, string, unknown[]]>([
    ['12.5', 'oil', [['oil', 12.5, 'now', 0]]],
    ['true', '', [['value', true, 'now', 0]]],
    ['"Running"', 'state', [['state', 'Running', 'now', 0]]],
    ['null', 'oil', [['oil', null, 'now', Quality.BadNoData]]],
    [`{"value":1,"timestamp_ms":${AT},"unit":"bar"}`, 'oil', [['oil', 1, AT, 0]]],
    ['{"value":1,"timestamp_ms":"2026-11-06T17:20:00+01:00"}', 'oil', [['oil', 1, Date.UTC(2026, 10, 6, 16, 20), 0]]],
    ['{"value":1,"quality":"Bad"}', 'oil', [['oil', 1, 'now', Quality.Bad]]],
    ['{"value":null,"quality":2157641728}', 'oil', [['oil', null, 'now', 2157641728]]],
    [
      `{"timestamp_ms":${AT},"oil":{"temperature":71,"level":0.5},"on":true}`,
      '',
      [
        ['oil.temperature', 71, AT, 0],
        ['oil.level', 0.5, AT, 0],
        ['on', true, AT, 0],
      ],
    ],
    ['{"temperature":71}', 'oil', [['oil.temperature', 71, 'now', 0]]],
    [
      `[{"value":1,"timestamp_ms":${AT}},{"value":2,"timestamp_ms":${AT + 1}}]`,
      'oil',
      [
        ['oil', 1, AT, 0],
        ['oil', 2, AT + 1, 0],
      ],
    ],
  ])('%s', (text, tag, samples) => {
    expect(read(text, tag)).toEqual(samples);
  });

  test.each<[string, RegExp]>([
    ['ON', /not JSON/],
    ['', /not JSON/],
    ['{}', /no value in it/],
    ['[]', /no value in it/],
    ['{"a":[1]}', /"a" is a list/],
    ['{"value":{"x":1}}', /no number, text or boolean/],
    ['{"value":1,"timestamp_ms":1795000000}', /in seconds\?/],
    ['{"value":1,"timestamp_ms":"2026-11-06 17:20"}', /neither milliseconds/],
    ['{"value":1,"quality":"fine"}', /none of good/],
    ['{"$link":0}', /begins with \$/],
    [`{"a":${'{"a":'.repeat(9)}1${'}'.repeat(10)}`, /nested deeper/],
    [`{"${'n'.repeat(300)}":1}`, /longer than 200/],
    [`[${'1,'.repeat(10_000)}1]`, /10001 entries/],
    [`"${'x'.repeat(1024 * 1024)}"`, /is the limit/],
  ])('that is unusable says why (%#)', (text, words) => {
    expect(() => read(text)).toThrow(words);
  });
});
