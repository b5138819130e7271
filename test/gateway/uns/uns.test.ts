/** What integrators hear and set at the gateway's own broker, without any hub. */
import { UnsAlarm, UnsDeviceState, UnsGateway, UnsSetResult, UnsValue } from '@lineside/shared/contracts/uns.ts';
import { Value } from 'typebox/value';
import { describe, expect, test, vi } from 'vitest';
import { PATIENT } from '../gateway-process.ts';
import { type Hearer, PRESS, unsRig } from './fixture.ts';

const HOT = `alarms:
  - { id: hot, tag: press/oil.temperature, message: Oil too hot, above: 80, priority: high }
`;

describe('values', () => {
  test('come retained, by path, in engineering units, and a device that goes down takes its values with it', async () => {
    const { press, pipeline, as, stop } = await unsRig();
    const reader = await as('reader', 'uns/#');
    await vi.waitFor(() => expect(reader.last(`${PRESS}/oil/temperature`)).toMatchObject({ value: 41.2 }), PATIENT);
    const speed = reader.last(`${PRESS}/speed`);
    expect(speed).toEqual({
      timestamp_ms: expect.any(Number),
      value: 100,
      quality: 'Good',
      quality_code: 0,
      unit: '1/min',
    });
    expect(Value.Check(UnsValue, speed)).toBe(true);

    // Who comes later finds all of it.
    const late = await as('reader', `${PRESS}/#`);
    await vi.waitFor(
      () => expect(late.last(`${PRESS}/_state/press`)).toMatchObject({ state: 'up', reason: '' }),
      PATIENT,
    );
    expect(Value.Check(UnsDeviceState, late.last(`${PRESS}/_state/press`))).toBe(true);
    expect(late.heard.some(({ topic, retain }) => topic === `${PRESS}/speed` && retain)).toBe(true);

    press.behave = () => 'close';
    await vi.waitFor(() => {
      expect(reader.last(`${PRESS}/speed`)).toMatchObject({ value: null, quality: expect.stringMatching(/^Bad/) });
      expect(reader.last(`${PRESS}/_state/press`)).toMatchObject({
        state: 'down',
        reason: expect.stringMatching(/./),
      });
    }, PATIENT);
    const gateway = 'uns/v1/acme/hamburg/forming/line-1/_gateway/gw-1';
    expect(reader.last(gateway)).toMatchObject({ online: true, gateway: 'gw-1' });
    expect(Value.Check(UnsGateway, reader.last(gateway))).toBe(true);
    await stop();
    await vi.waitFor(() => expect(reader.last(gateway)).toMatchObject({ online: false }), PATIENT);
    expect(reader.heard.some(({ topic }) => topic.startsWith('lineside/'))).toBe(false);
    expect(pipeline.uns!.figures().waiting).toBe(0);
  });

  test('come at most so often, the newest one last', async () => {
    const { press, as } = await unsRig({ uns: 'minIntervalMs: 600' });
    let reads = 0;
    press.beforeRead = () => {
      press.holding[0] = ++reads % 400;
    };
    const reader = await as('reader', `${PRESS}/speed`);
    const from = performance.now();
    await vi.waitFor(() => expect(reads).toBeGreaterThan(30), PATIENT);
    const values = reader.heard.map(({ text }) => JSON.parse(text).value as number);
    expect(values.length).toBeGreaterThan(0);
    expect(values.length).toBeLessThanOrEqual((performance.now() - from) / 600 + 2);
    // The last one comes, also when nothing follows it.
    press.beforeRead = () => undefined;
    await vi.waitFor(() => expect(reader.last(`${PRESS}/speed`)).toMatchObject({ value: press.holding[0] }), PATIENT);
  });

  test('follow a changed configuration: new topics come, old ones are emptied', async () => {
    const { write, reload, as } = await unsRig();
    const reader = await as('reader', 'uns/#');
    await vi.waitFor(() => expect(reader.last(`${PRESS}/speed`)).toMatchObject({ value: 100 }), PATIENT);
    await write({ rest: '    equipment: { path: hall-2/press-7 }\n' });
    expect(await reload()).toMatchObject({ result: 'applied' });
    const moved = 'uns/v1/acme/hamburg/hall-2/press-7';
    await vi.waitFor(() => {
      expect(reader.last(`${moved}/speed`)).toMatchObject({ value: 100 });
      expect(reader.last(`${moved}/_state/press`)).toMatchObject({ state: 'up' });
      expect(reader.last(`${PRESS}/speed`)).toBe('');
      expect(reader.last(`${PRESS}/_state/press`)).toBe('');
    }, PATIENT);
    const late = await as('reader', 'uns/#');
    await vi.waitFor(() => expect(late.last(`${moved}/speed`)).toBeDefined(), PATIENT);
    expect(late.heard.some(({ topic }) => topic.startsWith(`${PRESS}/`))).toBe(false);
  });

  test('in UMH’s style have its topics and exactly its keys; what is Bad empties the topic', async () => {
    const { press, as } = await unsRig({ uns: 'minIntervalMs: 0, style: umh', rest: HOT });
    const reader = await as('reader', 'umh/#');
    const at = 'umh/v1/acme/hamburg/forming/line-1/press';
    const oil = `${at}/_historian/oil/temperature`;
    await vi.waitFor(() => expect(reader.last(oil)).toMatchObject({ value: 41.2 }), PATIENT);
    expect(Object.keys(reader.last(oil) as object)).toEqual(['timestamp_ms', 'value']);
    press.holding[1] = 900;
    await vi.waitFor(() => expect(reader.last(`${at}/_alarm/hot`)).toMatchObject({ value: 90 }), PATIENT);
    press.behave = () => ({ exception: 2 });
    await vi.waitFor(() => expect(reader.last(oil)).toBe(''), PATIENT);
    for (const { topic } of reader.heard)
      expect(topic).toMatch(/^umh\/v1(\/[a-zA-Z0-9-][a-zA-Z0-9_-]*)+\/_[a-z]+(\/[a-zA-Z0-9_-]+)+$/);
  });
});

test('an alarm is there while it is not normal', async () => {
  const { press, pipeline, as } = await unsRig({ rest: HOT });
  const reader = await as('reader', 'uns/#');
  const topic = `${PRESS}/_alarm/hot`;
  press.holding[1] = 915;
  await vi.waitFor(() => expect(reader.last(topic)).toMatchObject({ state: 'unacknowledged', value: 91.5 }), PATIENT);
  expect(Value.Check(UnsAlarm, reader.last(topic))).toBe(true);
  const { occurrence } = reader.last(topic) as UnsAlarm;
  await pipeline.alarms.acknowledge(occurrence, 'Ann', '');
  await vi.waitFor(() => expect(reader.last(topic)).toMatchObject({ state: 'acknowledged', by: 'Ann' }), PATIENT);
  press.holding[1] = 300;
  await vi.waitFor(() => expect(reader.last(topic)).toBe(''), PATIENT);
  const late = await as('reader', 'uns/#');
  await vi.waitFor(() => expect(late.last(`${PRESS}/speed`)).toBeDefined(), PATIENT);
  expect(late.last(topic)).toBeUndefined();
});

describe('setting a tag', () => {
  const set = `${PRESS}/speed/set`;
  const answers = ({ heard }: Hearer) =>
    heard.filter(({ topic }) => topic.endsWith('/result')).map(({ text }) => JSON.parse(text) as UnsSetResult);

  test('writes the device, reads back and answers; who set what is recorded', async () => {
    const { press, pipeline, as } = await unsRig();
    const panel = await as('panel', 'uns/#');
    await vi.waitFor(() => expect(panel.last(`${PRESS}/speed`)).toMatchObject({ value: 100 }), PATIENT);
    const recorded = vi.spyOn(pipeline.buffer, 'addEvent');
    await panel.client.publishAsync(set, '{"value": 250, "id": "order-7", "comment": "next order"}', { qos: 1 });
    await vi.waitFor(() => expect(answers(panel)).toHaveLength(1), PATIENT);
    const [result] = answers(panel);
    expect(result).toMatchObject({ id: 'order-7', ok: true, old: 100, new: 250, error: '' });
    expect(Value.Check(UnsSetResult, result)).toBe(true);
    expect(press.holding[0]).toBe(250);
    expect(recorded.mock.calls[0]![0]).toMatchObject({
      ...{
        kind: 'write',
        id: 'panel/order-7',
        by: 'panel',
        via: 'mqtt',
        comment: 'next order',
        requested: 250,
        ok: true,
      },
    });
    await panel.client.publishAsync(set, '300', { qos: 1 });
    await vi.waitFor(() => expect(answers(panel)).toHaveLength(2), PATIENT);
    expect(press.holding[0]).toBe(300);
    // What comes twice is answered twice and done once.
    await panel.client.publishAsync(set, '{"value": 250, "id": "order-7"}', { qos: 1 });
    await vi.waitFor(() => expect(answers(panel)).toHaveLength(3), PATIENT);
    expect(answers(panel)[2]).toEqual(result);
    expect(press.holding[0]).toBe(300);
    // An answer is for who asked, and a set is over when it was carried out: neither is kept.
    const late = await as('panel', 'uns/#');
    await vi.waitFor(() => expect(late.last(`${PRESS}/speed`)).toMatchObject({ value: 300 }), PATIENT);
    expect(late.heard.filter(({ topic }) => topic.startsWith(set))).toEqual([]);
  });

  test.each<[what: string, topic: string, payload: string, error: RegExp]>([
    ['a value beyond the limits', set, '501', /beyond the limits of speed, 0 to 500/],
    ['a tag that is not writable', `${PRESS}/oil/temperature/set`, '12', /may not be written/],
    ['a tag that is not there', `${PRESS}/sped/set`, '12', /no tag with this topic/],
    ['what is no JSON', set, 'fast', /no JSON/],
    ['what is no value', set, '{"valu": 1}', /does not fit/],
    ['a list', set, '[1]', /does not fit/],
    ['null', set, 'null', /does not fit/],
  ])('answers %s with the reason, and the connection stays', async (_what, topic, payload, error) => {
    const { press, as } = await unsRig();
    const panel = await as('panel', 'uns/+/acme/#');
    await panel.client.publishAsync(topic, payload, { qos: 1 });
    await vi.waitFor(() => expect(answers(panel)).toHaveLength(1), PATIENT);
    expect(answers(panel)[0]).toMatchObject({ ok: false, error: expect.stringMatching(error) });
    expect(panel.heard.find(({ topic: heard }) => heard === `${topic}/result`)).toBeDefined();
    expect(press.holding[0]).toBe(100);
    expect(panel.client.connected).toBe(true);
  });

  test('is refused to who may not, to what is retained, and to a will', async () => {
    const { press, as, lines } = await unsRig();
    const panel = await as('panel', 'uns/#');
    const reader = await as('reader');
    await reader.client.publishAsync(set, '7', { qos: 1 });
    await panel.client.publishAsync(set, '8', { qos: 1, retain: true });
    const far = await as('far', 'uns/#');
    await far.client.publishAsync(set, '9', { qos: 1 });
    await vi.waitFor(() => expect(answers(panel)).toHaveLength(3), PATIENT);
    expect(answers(panel).map(({ error }) => error)).toEqual([
      expect.stringMatching(/account "reader" may not set this/),
      expect.stringMatching(/retained/),
      expect.stringMatching(/account "far" may not set this/),
    ]);
    const dying = await as('panel', undefined, {
      will: { topic: set, payload: Buffer.from('10'), qos: 1, retain: false },
    });
    dying.client.stream.destroy();
    await vi.waitFor(() => expect(lines.join('')).toMatch(/./), PATIENT);
    const next = await as('panel', `${set}/#`);
    await next.client.publishAsync(set, '11', { qos: 1 });
    await vi.waitFor(() => expect(press.holding[0]).toBe(11), PATIENT);
    expect(panel.heard.filter(({ topic }) => topic === set).map(({ text }) => text)).not.toContain('10');
    // What was refused as retained was not kept either.
    expect(next.heard.filter(({ retain }) => retain)).toEqual([]);
    // An account hears what it is allowed only, whatever it subscribes to.
    expect(far.heard).toEqual([]);
  });
});
