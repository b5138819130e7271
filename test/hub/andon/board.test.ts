import { type LiveValue, MachineView } from '@lineside/shared/contracts/api.ts';
import { Quality } from '@lineside/shared/contracts/quality.ts';
import { Value } from 'typebox/value';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { AndonBoard } from '../../../hub/andon/board.ts';
import { noShift } from '../../../hub/oee/oee.ts';
import { meaningOf } from '../../../hub/oee/state-map.ts';
import { gatewayStatus, testMachine } from '../../services/hub-world.ts';
import { columns } from '../../services/samples.ts';

const machine = testMachine();
const [SPEED, STATE] = [1, 2];
let now: number;
let board: AndonBoard;

beforeEach(() => {
  now = 1_000_000;
  board = new AndonBoard({
    machines: [machine],
    meaningOf: (of, code) => meaningOf(of.state!, code),
    emptyOee: () => noShift(0, 'packs'),
    now: () => now,
  });
  const tag = { gateway: 'line-1', device: 'packer', unit: '', description: '' };
  board.catalog.add([
    { ...tag, id: SPEED, name: 'speed', type: 'float64' },
    { ...tag, id: STATE, name: 'state', type: 'integer' },
    { ...tag, id: 3, name: '$link', type: 'integer' },
  ]);
  board.gateways.know({ id: 'line-1', lastSeenAt: null, since: null, samplesStored: 0 });
});

/** Samples as ingest gives them: in columns. */
function observe(samples: LiveValue[]): void {
  board.observe(columns(...samples));
}

const view = () => board.machines()[0]!;
const connection = () => view().connection;
const execute = (at: number): LiveValue => [STATE, at, 6, Quality.Good];

function live(): void {
  board.report(gatewayStatus());
  board.seen('line-1', 'packer', now);
  observe([execute(now)]);
}

describe('whether a picture may be believed', () => {
  test('never: nothing has ever come', () => {
    expect(connection()).toEqual({ status: 'never', since: null, reason: 'gateway line-1 has never connected' });
    board.report(gatewayStatus({ devices: [] }));
    expect(connection()).toMatchObject({ status: 'never', reason: 'the gateway has no data of this device yet' });
    board.report(gatewayStatus({ online: false }));
    expect(connection()).toMatchObject({
      status: 'never',
      reason: expect.stringContaining('line-1 is offline, and no data'),
    });
  });

  test('shows by which certificate a gateway comes in, and that it came in by a password since', () => {
    const certificate = { serial: '0a1b', notBefore: 1, notAfter: 2 };
    board.report(gatewayStatus({ certificate }));
    board.report(gatewayStatus({ online: false }));
    expect(board.gateways.get('line-1')?.certificate).toEqual(certificate);
    board.report(gatewayStatus());
    expect(board.gateways.get('line-1')).not.toHaveProperty('certificate');
  });

  test('never: the plant names a gateway that is not configured', () => {
    const stray = new AndonBoard({
      machines: [testMachine({ gateway: 'line-9' })],
      meaningOf: (of, code) => meaningOf(of.state!, code),
      emptyOee: () => noShift(0, ''),
      now: () => now,
    });
    expect(stray.machines()[0]!.connection).toMatchObject({
      status: 'never',
      reason: 'no such gateway is configured',
    });
  });

  test('live, and stale when no data comes although the gateway is there', () => {
    live();
    expect(connection()).toEqual({ status: 'live', since: null, reason: '' });
    now += 15_001;
    board.report(gatewayStatus());
    expect(connection()).toMatchObject({ status: 'stale', since: 1_000_000 });
    expect(connection().reason).toContain('no data has come');
    board.report(gatewayStatus({ pendingSamples: 500 }));
    expect(connection().reason).toBe('the gateway is catching up: 500 samples wait on its disk');
  });

  test('stale since the device went, in the driver’s words', () => {
    live();
    board.report(gatewayStatus({ up: false }));
    expect(connection()).toEqual({ status: 'stale', since: 777, reason: 'connection refused; check the PLC' });
  });

  test('offline since the will came', () => {
    live();
    now += 2_000;
    board.report(gatewayStatus({ online: false }));
    expect(connection()).toMatchObject({ status: 'offline', since: now });
    expect(board.gateways.get('line-1')).toMatchObject({ online: false, since: now, lastSeenAt: 1_000_000 });
  });

  test('offline in the words of the hub itself, where its source is no gateway', () => {
    const source = 'sparkplug:plant/line';
    const [machine] = [{ ...testMachine(), gateway: source }];
    const other = new AndonBoard({
      ...{ machines: [machine], now: () => now },
      meaningOf: () => ({ name: 'Execute', category: 'producing' }),
      emptyOee: (_machine, at) => noShift(at, ''),
    });
    const status = { ...gatewayStatus({ up: false }), gateway: source };
    other.seen(source, machine.device, now);
    other.report({ ...status, online: false });
    expect(other.machines()[0]!.connection).toEqual({
      ...{ status: 'offline', since: 777 },
      reason: 'connection refused; check the PLC',
    });
    expect(other.gateways.get(source)!.devices).toHaveLength(1);
  });

  test('offline since it was last heard when it just went silent, and told so once', () => {
    live();
    const told = vi.fn();
    board.on('gateway', told);
    now += 10_000;
    board.gateways.heard('line-1', now);
    now += 16_000;
    board.refresh();
    expect(told).not.toHaveBeenCalled();
    now += 1;
    board.refresh();
    board.refresh();
    expect(told).toHaveBeenCalledTimes(1);
    expect(connection()).toMatchObject({ status: 'offline', since: 1_010_000 });
    board.report(gatewayStatus());
    expect(board.gateways.get('line-1')).toMatchObject({ online: true, since: now });
  });

  test('after a restart of the hub: offline since it was last seen, its old values with their times', () => {
    board.gateways.know({ id: 'line-1', lastSeenAt: 500, since: 500, samplesStored: 9 });
    board.restore([[SPEED, 400, 12.5, Quality.Good], execute(450)]);
    expect(view()).toMatchObject({
      connection: { status: 'offline', since: 500 },
      lastSeenAt: 450,
      state: { name: 'Unknown', category: 'unknown', since: 500 },
      values: [{ value: 12.5, at: 400 }],
    });
  });
});

describe('the values of the board', () => {
  test('of a backlog nothing is older than what is shown', () => {
    const told: LiveValue[][] = [];
    board.on('values', (values) => told.push(structuredClone(values)));
    board.watched.add([SPEED, STATE]);
    observe([[SPEED, 100, 1, 0]]);
    observe([
      [SPEED, 50, 0.5, 0],
      [STATE, 60, 4, 0],
    ]);
    observe([[SPEED, 99, 0.9, 0]]);
    observe([[SPEED, 100, 2, 0]]);
    expect(board.last(SPEED)).toEqual([SPEED, 100, 2, 0]);
    expect(told).toEqual([[[SPEED, 100, 1, 0]], [[STATE, 60, 4, 0]], [[SPEED, 100, 2, 0]]]);
    board.seen('line-1', 'packer', 90);
    board.seen('line-1', 'packer', 40);
    expect(view().lastSeenAt).toBe(90);
  });

  test('a tag that was never seen is shown without a value; one whose type changed is the younger', () => {
    expect(view().values).toMatchObject([{ label: 'Speed', at: null, value: null }]);
    const again = { id: 9, gateway: 'line-1', device: 'packer', name: 'speed', unit: 'rpm', description: '' };
    board.catalog.add([{ ...again, type: 'integer' }]);
    expect(view().values).toMatchObject([{ id: 9, unit: 'rpm' }]);
    expect(
      board.catalog
        .byDevice()
        .get('line-1/packer')!
        .map(({ name }) => name),
    ).toEqual(['speed', 'state']);
  });
});

describe('the state of a machine', () => {
  test('is what its tag says while somebody sees it', () => {
    live();
    expect(view().state).toEqual({ name: 'Execute', category: 'producing', since: 1_000_000 });
    expect(Value.Errors(MachineView, view())).toEqual([]);
    const figures = { oee: noShift(0, ''), state: { name: 'Execute', category: 'producing' as const, since: 123 } };
    board.setFigures(machine.path, figures);
    expect(view().state.since).toBe(123);
    observe([[STATE, now + 1, 9, 0]]);
    expect(view().state).toEqual({ name: 'Aborted', category: 'down', since: now + 1 });
  });

  test.each<[why: string, then: () => void]>([
    ['its gateway is gone', () => board.report(gatewayStatus({ online: false }))],
    ['its device is down', () => board.report(gatewayStatus({ up: false }))],
    [
      'its data is old',
      () => {
        now += 15_001;
        board.gateways.heard('line-1', now);
      },
    ],
    ['its tag is Bad', () => observe([[STATE, now + 1, 6, Quality.BadSensorFailure]])],
    ['its tag has no value', () => observe([[STATE, now + 1, null, Quality.Good]])],
    ['its tag is a text', () => observe([[STATE, now + 1, 'Execute', Quality.Good]])],
    ['its number means nothing', () => observe([[STATE, now + 1, 99, Quality.Good]])],
  ])('is unknown when %s', (_why, then) => {
    live();
    then();
    expect(view().state.category).toBe('unknown');
  });
});

describe('what the board tells', () => {
  test('a machine only when its picture has changed', () => {
    const told = vi.fn();
    board.on('machine', told);
    live();
    board.refresh();
    board.refresh();
    observe([[SPEED, now, 5, 0]]);
    now += 100;
    board.refresh();
    expect(told).toHaveBeenCalledTimes(1);
    observe([[STATE, now, 9, 0]]);
    board.refresh();
    board.report(gatewayStatus({ online: false }));
    board.refresh();
    board.refresh();
    expect(told.mock.calls.map(([of]) => [of.state.name, of.connection.status])).toEqual([
      ['Execute', 'live'],
      ['Aborted', 'live'],
      ['Unknown', 'offline'],
    ]);
  });
});
