/** A local page over a gateway that is only a picture of one. */
import type { DeviceHealth, GatewayStatus } from '@lineside/shared/contracts/link.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import type { LocalCertificates } from '../../../gateway/local/certificate-routes.ts';
import { type LocalPicture, LocalServer } from '../../../gateway/local/local-server.ts';

export const OCCURRENCE = 'c0ffee00-0000-4000-8000-000000000001';

export class Machine {
  /** The device in which the alarm lives; empty when it is the gateway's own. */
  inDevice = '';
  /** The OPC UA servers that it has met; none when it has no OPC UA device. */
  certificates: LocalCertificates | undefined;
  readonly acknowledged: { occurrence: string; by: string; comment: string }[] = [];
  state: 'unacknowledged' | 'acknowledged' | 'returned' = 'unacknowledged';
  message = 'Oil too hot';
  health: DeviceHealth = {
    cycles: 1_000,
    cyclesTotalMs: 4_200,
    cycleMs: { last: 4.1, mean: 4.2, max: 17.5 },
    jitterMs: 0.6,
    errorsByKind: { timeout: 3, connection: 1 },
    breaker: 'closed',
  };
  reload: LocalPicture['reload'] = null;

  picture(): LocalPicture {
    const now = Date.now();
    const common = {
      driver: 'modbus',
      lastGoodAt: now - 2_000,
      requests: 100,
      errors: 1,
      missed: 0,
      since: now - 60_000,
    };
    const status: GatewayStatus = {
      gateway: 'line-1',
      online: true,
      at: now,
      version: '0.1.0',
      startedAt: now - 3_600_000,
      buffer: { epoch: 'a'.repeat(32), pendingRecords: 3, pendingSamples: 1_234, bytes: 16 * 1024 * 1024 },
      devices: [
        { ...common, device: 'press', endpoint: '192.0.2.1:502', state: 'up', reason: '', health: this.health },
        { ...common, device: 'pump', endpoint: '192.0.2.2:502', state: 'down', reason: 'no answer within 1000 ms' },
      ],
    };
    const alarm = {
      ...{ id: OCCURRENCE, rule: 'hot', device: 'press', message: this.message, priority: 'high', state: this.state },
      ...{ limit: 80, unit: 'Cel', value: 91.5, raisedAt: now - 5_000, returnedAt: null, comment: '' },
      ...{ acknowledgedAt: null, acknowledgedBy: this.acknowledged.at(-1)?.by ?? '', inDevice: false },
      ...(this.inDevice ? { device: this.inDevice, inDevice: true } : {}),
    };
    return {
      status,
      link: { connected: false, since: now - 60_000, reason: 'connect ECONNREFUSED; trying again in 4.0 s' },
      buffer: { durableSamples: 99_000, droppedSamples: 0, damagedPlaces: 0, fault: '' },
      reload: this.reload,
      models: [],
      alarms: [alarm],
      recent: [],
      values: [
        ...[
          { device: 'press', name: 'oil', unit: 'Cel', sourceAt: now, value: 91.5, quality: 0, qualityName: 'Good' },
        ],
        { device: 'pump', name: 'flow', unit: '', sourceAt: null, value: null, quality: 0, qualityName: 'Good' },
      ],
    };
  }

  async acknowledge(occurrence: string, by: string, comment: string): Promise<void> {
    if (occurrence !== OCCURRENCE || this.state === 'acknowledged') {
      throw new LinesideError('ALARM_UNKNOWN', 'outside', 'this alarm is over or has been acknowledged already');
    }
    this.acknowledged.push({ occurrence, by, comment });
    this.state = 'acknowledged';
  }
}

export function serverOf(machine: Machine, port = 0, host = '127.0.0.1', names: string[] = []): LocalServer {
  const server = new LocalServer({
    config: { enabled: true, host, port, names },
    log: pino({ level: 'silent' }),
    picture: () => machine.picture(),
    metrics: () => ({ type: 'text/plain; version=0.0.4; charset=utf-8', text: 'lineside_gateway_tags 3\n' }),
    acknowledge: (occurrence, by, comment) => machine.acknowledge(occurrence, by, comment),
    ...(machine.certificates ? { certificates: machine.certificates } : {}),
  });
  onTestFinished(() => server.stop());
  return server;
}
