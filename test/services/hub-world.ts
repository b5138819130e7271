/** Things that the hub's tests speak of again and again. */
import type { GatewayStatus } from '@lineside/shared/contracts/link.ts';
import type { EquipmentNode, Machine } from '../../hub/equipment/plant.ts';
import type { Actor } from '../../hub/store/postgres/audit.ts';

/** Whoever does something, for the audit log. */
export function actorNamed(name: string, kind: Actor['kind'] = 'user'): Actor {
  return { name, kind, address: '10.0.0.7', requestId: '' };
}

export function testMachine(change: Partial<Machine> = {}): Machine {
  return {
    path: 'acme/site/area/line/packer',
    name: 'Packer',
    gateway: 'line-1',
    device: 'packer',
    timeZone: 'UTC',
    shifts: [{ name: 'Day', from: '00:00', to: '00:00', days: [1, 2, 3, 4, 5, 6, 7] }],
    state: { tag: 'state' },
    counters: { total: 'made', reject: 'bad', unit: 'packs', scale: 1, idealPerHour: 3_600 },
    show: [{ tag: 'speed', label: 'Speed', decimals: 0 }],
    ...change,
  };
}

/** What the machine stands in. */
export function testEquipment(): EquipmentNode[] {
  const { gateway, device, path: cell } = testMachine();
  const node = (level: EquipmentNode['level'], path: string, name: string, settings = {}): EquipmentNode => ({
    ...{ path, parent: path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : null, level, name, settings },
  });
  return [
    node('enterprise', 'acme', 'Acme'),
    node('site', 'acme/site', 'Hamburg', { timeZone: 'UTC', shifts: [] }),
    node('area', 'acme/site/area', 'Packaging'),
    node('line', 'acme/site/area/line', 'Line 1'),
    node('cell', cell, 'Packer', { gateway, device }),
  ];
}

export function gatewayStatus(
  change: Partial<GatewayStatus> & { pendingSamples?: number; up?: boolean } = {},
): GatewayStatus {
  const { pendingSamples = 0, up = true, ...rest } = change;
  return {
    gateway: 'line-1',
    online: true,
    at: 1,
    version: '1.2.3',
    startedAt: 1,
    buffer: { epoch: 'a'.repeat(32), pendingRecords: 0, pendingSamples, bytes: 0 },
    devices: [
      {
        device: 'packer',
        driver: 'opcua',
        endpoint: 'opc.tcp://plc:4840',
        state: up ? 'up' : 'down',
        since: 777,
        reason: up ? '' : 'connection refused; check the PLC',
        lastGoodAt: null,
        requests: 1,
        errors: 0,
        missed: 0,
      },
    ],
    ...rest,
  };
}
