import {
  deviceTopic,
  nodeTopic,
  parseHostState,
  parseSparkplugTopic,
  stateTopic,
} from '@lineside/shared/wire/sparkplug/topic.ts';
import { describe, expect, it } from 'vitest';

describe('a Sparkplug topic', () => {
  it('of a node and of a device comes back as it was', () => {
    expect(parseSparkplugTopic(nodeTopic('plant', 'NBIRTH', 'line-1'))).toEqual({
      type: 'NBIRTH',
      group: 'plant',
      node: 'line-1',
    });
    expect(parseSparkplugTopic(deviceTopic('plant', 'DCMD', 'line-1', 'press'))).toEqual({
      type: 'DCMD',
      group: 'plant',
      node: 'line-1',
      device: 'press',
    });
  });

  it.each([
    stateTopic('scada'),
    'spBv1.0/plant/NBIRTH',
    'spBv1.0/plant/NBIRTH/line-1/press',
    'spBv1.0/plant/DBIRTH/line-1',
    'spBv1.0/plant/DBIRTH/line-1/',
    'spBv1.0/plant/DBIRTH/line-1/press/more',
    'spBv1.0//NBIRTH/line-1',
    'spAv1.0/plant/NBIRTH/line-1',
    'lineside/v1/line-1/data',
    '',
  ])('is not %s', (topic) => {
    expect(parseSparkplugTopic(topic)).toBeNull();
  });
});

describe('the state of a host', () => {
  const parse = (text: string) => parseHostState(Buffer.from(text));

  it('is what the specification says', () => {
    expect(parse('{"online":true,"timestamp":1668114759262}')).toEqual({ online: true, timestamp: 1668114759262 });
    expect(parse('{"timestamp":0,"online":false,"more":1}')).toEqual({ online: false, timestamp: 0 });
  });

  it.each([
    '',
    'ONLINE',
    'null',
    '[]',
    '{"online":"true","timestamp":1}',
    '{"online":true}',
    '{"online":true,"timestamp":1.5}',
    '{"online":true,"timestamp":-1}',
    `{"online":true,"timestamp":1,"more":"${'x'.repeat(1024)}"}`,
  ])('is not %s', (text) => {
    expect(parse(text)).toBeNull();
  });
});
