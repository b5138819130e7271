import { describe, expect, it } from 'vitest';
import type { Machine } from '../../demo/machines/machine.ts';
import { Moulder } from '../../demo/machines/moulder.ts';
import { Packer } from '../../demo/machines/packer.ts';
import { packml } from '../../demo/machines/packml.ts';
import { Pump } from '../../demo/machines/pump.ts';
import { readRecording } from '../../demo/machines/recording.ts';
import { seededRandom } from '../../demo/random.ts';
import { testOptions } from './plant-fixture.ts';

const recording = readRecording(testOptions().recording);

function run(
  machine: Machine,
  seconds: number,
  look: (values: Record<string, number>) => void = () => undefined,
): void {
  for (let second = 0; second < seconds; second++) {
    machine.step(1);
    look(machine.values());
  }
}

/** Seconds until the value passes the limit, or Infinity. */
function secondsUntil(machine: Machine, name: string, test: (value: number) => boolean, longest: number): number {
  for (let second = 1; second <= longest; second++) {
    machine.step(1);
    if (test(machine.values()[name]!)) return second;
  }
  return Number.POSITIVE_INFINITY;
}

describe('packer', () => {
  it('makes nearly its rated output in an hour, with a few defects and every state possible', () => {
    const packer = new Packer(seededRandom(1));
    const states = new Set<number>();
    run(packer, 3600, (values) => states.add(values.StateCurrent!));
    const { ProdProcessedCount: made, ProdDefectiveCount: defective } = packer.values();
    expect(made).toBeGreaterThan(120 * 60 * 0.85);
    expect(made).toBeLessThan(120 * 60);
    expect(defective! / made!).toBeGreaterThan(0.002);
    expect(defective! / made!).toBeLessThan(0.03);
    expect(states).toEqual(new Set([packml.starting, packml.execute, packml.held, packml.suspended]));
  });

  it('overheats past 185 °C, rejects more, and recovers', () => {
    const packer = new Packer(seededRandom(2));
    run(packer, 60);
    expect(packer.values().SealTemperature).toBeCloseTo(150, -1);
    packer.faults.add('overheat');
    expect(secondsUntil(packer, 'SealTemperature', (value) => value > 185, 60)).toBeLessThan(25);
    run(packer, 120);
    expect(packer.values().AlarmWord! & 2).toBe(2);
    const before = packer.values();
    run(packer, 120);
    const after = packer.values();
    const made = after.ProdProcessedCount! - before.ProdProcessedCount!;
    expect((after.ProdDefectiveCount! - before.ProdDefectiveCount!) / made).toBeGreaterThan(0.1);
    packer.faults.delete('overheat');
    expect(secondsUntil(packer, 'SealTemperature', (value) => value < 160, 90)).toBeLessThan(60);
  });
});

describe('moulder', () => {
  it('makes a shot in about six seconds with pressure and clamp moving within the cycle', () => {
    const moulder = new Moulder(seededRandom(3));
    const pressures: number[] = [];
    for (let step = 0; step < 4 * 1800; step++) {
      moulder.step(0.25);
      pressures.push(moulder.values().injectionPressure!);
    }
    const { shotCount, rejectCount, cycleTime, screwWear } = moulder.values();
    expect(shotCount).toBeGreaterThan(220);
    expect(shotCount).toBeLessThan(305);
    expect(rejectCount).toBeLessThan(shotCount! * 0.08);
    expect(cycleTime).toBeCloseTo(6, 0);
    expect(screwWear).toBeGreaterThan(12.3);
    expect(Math.max(...pressures)).toBeGreaterThan(700);
    expect(Math.min(...pressures)).toBeLessThan(20);
  });

  it('passes 260 °C within 25 s of overheating, settles near 290 °C and recovers', () => {
    const moulder = new Moulder(seededRandom(4));
    run(moulder, 30);
    moulder.faults.add('overheat');
    expect(secondsUntil(moulder, 'barrelTemperatureZone1', (value) => value > 260, 60)).toBeLessThan(25);
    run(moulder, 120);
    expect(moulder.values().barrelTemperatureZone1).toBeGreaterThan(286);
    expect(moulder.values().barrelTemperatureZone1).toBeLessThan(294);
    moulder.faults.delete('overheat');
    expect(secondsUntil(moulder, 'barrelTemperatureZone1', (value) => value < 230, 120)).toBeLessThan(100);
  });

  it('waits in Idle while cycle start is not enabled', () => {
    const moulder = new Moulder(seededRandom(5));
    run(moulder, 20);
    moulder.cycleStartEnabled = false;
    run(moulder, 30);
    expect(moulder.state).toBe(packml.idle);
    expect(moulder.values().statusWord! & 0b11).toBe(0b10);
    moulder.cycleStartEnabled = true;
    run(moulder, 5);
    expect(moulder.state).toBe(packml.execute);
  });
});

describe('pump', () => {
  it('shows the recording row by row, goes round, and is Stopped where the recorded machine was off', () => {
    const off = recording.findIndex((value) => value < 20);
    const pump = new Pump(seededRandom(6), recording, off - 100);
    let stopped = false;
    run(pump, 300, (values) => {
      expect(values.machineTemperature).toBe(recording[values.recordingRow!]);
      stopped ||= values.state === packml.stopped;
    });
    expect(stopped).toBe(true);
    const round = new Pump(seededRandom(6), recording, recording.length - 2);
    run(round, 4);
    expect(round.values().recordingRow).toBe(2);
  });

  it('delivers about 42 m3/h and little of it off-spec; overheating adds at most 25 °F', () => {
    const pump = new Pump(seededRandom(7), recording, 3000);
    run(pump, 600);
    const { deliveredVolume, offSpecVolume } = pump.values();
    expect(deliveredVolume).toBeGreaterThan(5500);
    expect(deliveredVolume).toBeLessThan(7100);
    expect(offSpecVolume).toBeLessThan(deliveredVolume! * 0.05);
    pump.faults.add('overheat');
    run(pump, 60);
    const hot = pump.values();
    expect(hot.machineTemperature! - recording[hot.recordingRow!]!).toBe(25);
    pump.faults.delete('overheat');
    run(pump, 60);
    const cool = pump.values();
    expect(cool.machineTemperature).toBe(recording[cool.recordingRow!]);
  });
});

describe('any machine', () => {
  const machines: [string, () => Machine][] = [
    ['packer', () => new Packer(seededRandom(8))],
    ['moulder', () => new Moulder(seededRandom(8))],
    ['pump', () => new Pump(seededRandom(8), recording, 3000)],
  ];

  it.each(machines)('%s stops while the stop is on, makes nothing, and starts again', (_name, create) => {
    const machine = create();
    run(machine, 60);
    machine.faults.add('stop');
    run(machine, 5);
    expect(machine.state).toBe(packml.stopped);
    const before = machine.values();
    run(machine, 30);
    const after = machine.values();
    for (const name of ['ProdProcessedCount', 'shotCount', 'deliveredVolume']) expect(after[name]).toBe(before[name]);
    machine.faults.delete('stop');
    run(machine, 8);
    expect(machine.state).toBe(packml.execute);
  });

  it.each(machines)('%s jams often under micro-stops, and seldom without', (_name, create) => {
    const heldSeconds = (machine: Machine): number => {
      let held = 0;
      run(machine, 600, () => {
        if (machine.state === packml.held) held++;
      });
      return held;
    };
    const jammed = create();
    jammed.faults.add('microStops');
    expect(heldSeconds(jammed)).toBeGreaterThan(120);
    expect(heldSeconds(create())).toBeLessThan(40);
  });

  it.each(machines)('%s runs alike from the same seed', (_name, create) => {
    const [one, other] = [create(), create()];
    run(one, 100);
    run(other, 100);
    expect(one.values()).toEqual(other.values());
  });
});
