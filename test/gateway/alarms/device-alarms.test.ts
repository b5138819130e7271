import { readFileSync } from 'node:fs';
import type { AlarmEvent } from '@lineside/shared/contracts/alarm.ts';
import { type ConditionState, conditionKey } from '@lineside/shared/contracts/condition.ts';
import { beforeEach, describe, expect, test } from 'vitest';
import { DeviceAlarms } from '../../../gateway/alarms/device-alarms.ts';

const BASE: ConditionState = {
  ...{ condition: 'nsu=urn:a;s=Hot', branch: '', source: 'Motor', name: 'Hot', message: 'too hot' },
  ...{ severity: 600, priority: 'high', active: false, acked: false, retain: true, at: null, comment: '', by: '' },
};

/** Such as `active acked critical`. */
function state(words: string, more: Partial<ConditionState> = {}): ConditionState {
  const has = (word: string) => words.split(' ').includes(word);
  return {
    ...{ ...BASE, active: has('active'), acked: has('acked'), retain: !has('gone') },
    ...(has('critical') ? { priority: 'critical' } : {}),
    ...(has('former') ? { branch: 'b1' } : {}),
    ...more,
  };
}

let ids = 0;
let now = 1_000_000;
let complaints: string[] = [];
let alarms: DeviceAlarms;
const make = () =>
  new DeviceAlarms(
    () => `occurrence${++ids}`,
    (words) => complaints.push(words),
  );
beforeEach(() => {
  ids = 0;
  now = 1_000_000;
  complaints = [];
  alarms = make();
});

const tell = (...states: ConditionState[]) => alarms.take({ device: 'packer', states }, now);
const account = (...states: ConditionState[]) =>
  alarms.take({ device: 'packer', states, all: new Set(states.map(conditionKey)) }, now);
const said = (events: AlarmEvent[]) => events.map(({ transition, state }) => `${transition} → ${state}`);

interface Case {
  name: string;
  states: string[];
  events: string[];
}
const cases: Case[] = JSON.parse(readFileSync(new URL('testcases/device-alarm.json', import.meta.url), 'utf8'));

describe('states of the device as transitions', () => {
  test.each(cases)('$name', ({ states, events }) => {
    const all = states.flatMap((words) => {
      now += 1000;
      return tell(state(words));
    });
    const first = all[0]?.occurrence;
    expect(
      all.map(({ transition, state, priority, occurrence }) =>
        [
          `${transition} → ${state}`,
          ...(priority === 'critical' ? ['critical'] : []),
          ...(occurrence === first ? [] : ['another']),
        ].join(', '),
      ),
    ).toEqual(events);
    // The hub tells the events of an occurrence apart by their times.
    const moments = all.map(({ occurrence, at }) => `${occurrence} ${at}`);
    expect(new Set(moments).size).toBe(moments.length);
  });

  test('an event says what it is about, when it was at the device, and who answered', () => {
    const [raised] = tell(state('active', { at: now - 500 }));
    expect(raised).toEqual({
      ...{ occurrence: 'occurrence1', rule: 'condition:packer/Motor/Hot', device: 'packer', tag: 0 },
      ...{ transition: 'raised', state: 'unacknowledged', at: now - 500, priority: 'high' },
      ...{ message: 'Motor: too hot', value: null, limit: null, unit: '', by: '', comment: '' },
    });
    // A clock that runs ahead, or back, does not change the order.
    now += 100;
    const [acked] = tell(state('active acked', { at: now + 60_000, by: 'Bo', comment: 'seen' }));
    expect(acked).toMatchObject({ at: now, by: 'Bo', comment: 'seen' });
    const [over] = tell(state('acked', { at: now - 60_000, by: 'Bo' }));
    expect(over).toMatchObject({ at: now + 1, by: '', comment: '' });
    tell(state('active', { message: 'Motor is too hot' }));
    expect(alarms.all()[0]).toMatchObject({ message: 'Motor is too hot', raisedAt: now });
    expect(tell(state('active acked'))[0]).toMatchObject({ by: 'at the machine' });
  });

  test('other words alone are told every 10 s, and shown at once', () => {
    tell(state('active'));
    now += 9_999;
    expect(tell(state('active', { message: '81 °C' }))).toEqual([]);
    expect(alarms.all()[0]!.message).toBe('Motor: 81 °C');
    now += 1;
    expect(tell(state('active', { message: '82 °C' }))).toMatchObject([{ message: 'Motor: 82 °C' }]);
  });
});

describe('accounts', () => {
  test('what is not in a full account is over, of this device and after a restart as well', () => {
    const cold = { condition: 'nsu=urn:a;s=Cold', name: 'Cold' };
    tell(state('active'), state('active acked', cold));
    alarms.take({ device: 'press', states: [state('active')] }, now);
    const kept = JSON.parse(JSON.stringify(alarms.all()));
    alarms = make();
    alarms.restore(kept);
    expect(said(account(state('active')))).toEqual(['returned → normal']);
    expect(alarms.all().map(({ device, key }) => [device, key])).toEqual([
      ['packer', BASE.condition],
      ['press', BASE.condition],
    ]);
    expect(account(state('active'))).toEqual([]);
    expect(said(alarms.keepOnly(new Set(['packer']), now))).toEqual(['returned → normal']);
    expect(said(account())).toEqual(['returned → normal']);
    expect(alarms.all()).toEqual([]);
  });
});

describe('bounds', () => {
  const many = (count: number, words: string) =>
    Array.from({ length: count }, (_, i) => state(words, { condition: `s=${i}` }));

  test('a storm is thinned to the newest state of each, in order, and nothing is left behind', () => {
    expect(tell(...many(1_500, 'active'))).toHaveLength(1_000);
    // What waits is told as it is when its turn comes.
    expect(tell(...many(1_500, 'acked'))).toEqual([]);
    expect(account(...many(1_500, 'acked'))).toEqual([]);
    let late: AlarmEvent[] = [];
    for (let second = 0; second < 60; second++) {
      now += 1_000;
      late = late.concat(alarms.tick(now));
    }
    expect(new Set(said(late))).toEqual(new Set(['returned → returned', 'acknowledged → normal']));
    expect(late).toHaveLength(2_000);
    expect(alarms.all()).toEqual([]);
  });

  test('not more than 5,000 are kept', () => {
    for (let part = 0; part < 6; part++) {
      tell(...many(1_000, 'active').map((one) => ({ ...one, condition: `${part}/${one.condition}` })));
      now += 60_000;
    }
    for (let minute = 1; minute <= 5; minute++) alarms.tick(now + minute * 60_000);
    expect(alarms.all()).toHaveLength(5_000);
    expect(complaints).toEqual(['more than 5000 alarms of devices at once; the others are left out']);
  });
});
