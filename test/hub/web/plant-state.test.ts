import type { AlarmView } from '@lineside/shared/contracts/api.ts';
import { expect, test } from 'vitest';
import { EMPTY_PLANT, type PlantMessage, reduceAnswer, reducePlant } from '../../../hub/web/src/live/plant-state.ts';
import { MockPlant } from '../../services/mock-plant.ts';

const NOW = 1_700_000_000_000;
const overview: PlantMessage = { type: 'overview', overview: new MockPlant().overview(NOW) };

test('the overview replaces everything, sorted, without what is normal', () => {
  const state = reducePlant(EMPTY_PLANT, overview, NOW);
  expect(state.loaded).toBe(true);
  expect(state.machines.map((machine) => machine.name)).toEqual(['Packer', 'Injection moulder', 'Pump station']);
  expect(state.alarms.map((alarm) => alarm.occurrence)).toEqual(['a-1', 'a-2', 'a-3', 'a-4']);
});

test('a snapshot of the live socket replaces what it is of, and nothing else', () => {
  const before = reducePlant(EMPTY_PLANT, overview, NOW);
  const snapshot = {
    type: 'snapshot',
    id: 'plant',
    event: 'run.1',
    serverTime: NOW,
    gateways: [],
    alarms: [],
  } as const;
  const after = reducePlant(before, { ...snapshot, gateways: [], alarms: [] }, NOW);
  expect(after).toMatchObject({ gateways: [], alarms: [], loaded: true });
  expect(after.machines).toBe(before.machines);
});

test('a change of one machine leaves the others and the alarms as they are', () => {
  const before = reducePlant(EMPTY_PLANT, overview, NOW);
  const machine = { ...before.machines[1]!, lastSeenAt: NOW };
  const after = reducePlant(before, { type: 'machine', machine }, NOW);
  expect(after.machines[1]).toBe(machine);
  expect(after.machines[0]).toBe(before.machines[0]);
  expect(after.alarms).toBe(before.alarms);
});

test('an alarm moves down when it is taken and goes when it is over', () => {
  const before = reducePlant(EMPTY_PLANT, overview, NOW);
  const taken: AlarmView = { ...before.alarms[0]!, state: 'acknowledged' };
  const acknowledged = reducePlant(before, { type: 'alarm', alarm: taken }, NOW);
  expect(acknowledged.alarms.map((alarm) => alarm.occurrence)).toEqual(['a-2', 'a-3', 'a-1', 'a-4']);
  const over = reducePlant(acknowledged, { type: 'alarm', alarm: { ...taken, state: 'normal' } }, NOW);
  expect(over.alarms.map((alarm) => alarm.occurrence)).toEqual(['a-2', 'a-3', 'a-4']);
});

test('the answer to an acknowledgement that comes after its effect changes nothing', () => {
  const before = reducePlant(EMPTY_PLANT, overview, NOW);
  const asked = before.alarms[0]!;
  const answer: AlarmView = { ...asked, acknowledgePending: true };
  expect(reduceAnswer(before, asked, answer, NOW).alarms[0]).toBe(answer);
  for (const state of ['acknowledged', 'normal'] as const) {
    const effect = reducePlant(before, { type: 'alarm', alarm: { ...asked, state } }, NOW);
    expect(reduceAnswer(effect, asked, answer, NOW)).toBe(effect);
  }
});

test("the hub's clock counts, but the network's jitter does not move it", () => {
  const late = reducePlant(EMPTY_PLANT, { type: 'time', serverTime: NOW + 90_000, event: 'run.1' }, NOW);
  expect(late.clockOffset).toBe(90_000);
  expect(reducePlant(late, { type: 'time', serverTime: NOW + 90_400, event: 'run.1' }, NOW).clockOffset).toBe(90_000);
});
