import { parseTopic, topicOf } from '@lineside/shared/contracts/topics.ts';
import { expect, test } from 'vitest';

test('a topic is read as it is written', () => {
  for (const kind of ['data', 'hello', 'status', 'committed', 'command'] as const) {
    expect(topicOf('line-1', kind)).toBe(`lineside/v1/line-1/${kind}`);
    expect(parseTopic(topicOf('line-1', kind))).toEqual({ gateway: 'line-1', kind });
  }
});

test.each([
  ...['', 'lineside', 'lineside/v1/line-1', 'lineside/v1/line-1/other', 'lineside/v1/line-1/data/more'],
  ...['/lineside/v1/line-1/data', 'lineside/v2/line-1/data', 'uns/v1/line-1/data', 'lineside/v1//data'],
  ...['lineside/v1/+/data', 'lineside/v1/#', 'lineside/v1/Line/data', 'lineside/v1/-a/data', 'lineside/v1/a-/data'],
  ...[
    'lineside/v1/../data',
    'lineside/v1/line-1/constructor',
    `lineside/v1/${'a'.repeat(64)}/data`,
    'lineside/v1/a\n/data',
  ],
])('%j is not one of ours', (topic) => expect(parseTopic(topic)).toBeNull());
