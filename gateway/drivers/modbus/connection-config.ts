/** How a Modbus device is reached: the settings of its connection, and what they are when they are not given. */
import { checkTlsClient, TlsClient } from '@lineside/shared/config/tls-client.ts';
import { type Static, Type } from 'typebox';
import type { ConfigProblem } from '../driver.ts';

const closed = { additionalProperties: false };

const Transport = Type.Union(
  [Type.Literal('tcp'), Type.Literal('tls'), Type.Literal('rtuOverTcp'), Type.Literal('rtu')],
  {
    default: 'tcp',
    description:
      'tcp: Modbus TCP; tls: Modbus TCP in TLS (Modbus/TCP Security); rtuOverTcp: RTU frames through a serial device server; rtu: a serial port of this machine.',
  },
);

const Tls = Type.Object(TlsClient.properties, {
  ...closed,
  description:
    'Only with transport: tls. A device whose certificate is not trusted, or is for another name, is refused. Files count from the folder of the configuration.',
});

const Serial = Type.Object(
  {
    path: Type.String({
      minLength: 1,
      description:
        'The serial port, such as /dev/ttyS0; for a USB adapter better its name in /dev/serial/by-id, which does not change.',
    }),
    baudRate: Type.Integer({ minimum: 110, maximum: 4_000_000, default: 19_200, description: 'Bits per second.' }),
    dataBits: Type.Union([Type.Literal(7), Type.Literal(8)], { default: 8, description: 'Data bits; RTU needs 8.' }),
    parity: Type.Union([Type.Literal('none'), Type.Literal('even'), Type.Literal('odd')], {
      default: 'even',
      description: 'Parity, the same at all devices of the line.',
    }),
    stopBits: Type.Union([Type.Literal(1), Type.Literal(2)], {
      default: 1,
      description: 'Stop bits; the standard has 2 where there is no parity, many devices take 1.',
    }),
  },
  { ...closed, description: 'Only with transport: rtu. All devices of one line say the same here.' },
);

export const connectionSettings = {
  transport: Transport,
  host: Type.Optional(
    Type.String({
      minLength: 1,
      description:
        'Name or address of the device or of the gateway in front of it. Devices with the same host and port share one connection.',
    }),
  ),
  port: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 65535, description: 'TCP port; without it 502, and 802 with TLS.' }),
  ),
  tls: Type.Optional(Tls),
  serial: Type.Optional(Serial),
  timeoutMs: Type.Integer({
    minimum: 50,
    maximum: 60_000,
    default: 1000,
    description: 'How long an answer may take before the request counts as failed, in milliseconds.',
  }),
  retries: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 10,
      description:
        'How often a read that failed is repeated at once, before the device counts as down. Without it 1 for RTU frames and 0 for TCP. A write is never repeated.',
    }),
  ),
  requestDelayMs: Type.Integer({
    minimum: 0,
    maximum: 10_000,
    default: 0,
    description: 'Least pause between an answer and the next request to this device, in milliseconds.',
  }),
  turnaroundMs: Type.Integer({
    minimum: 0,
    maximum: 10_000,
    default: 0,
    description:
      'Least pause before a request to this device when another unit had the line before, in milliseconds: for slow RS-485 transceivers.',
  }),
};

const Connection = Type.Object(connectionSettings);
export type ConnectionSettings = Static<typeof Connection>;
export type SerialSettings = Static<typeof Serial>;

/** Whether the frames on the line are those of RTU: with a checksum, and without a transaction id. */
function speaksRtu(settings: ConnectionSettings): boolean {
  return settings.transport === 'rtu' || settings.transport === 'rtuOverTcp';
}

export function portOf(settings: ConnectionSettings): number {
  return settings.port ?? (settings.transport === 'tls' ? 802 : 502);
}

export function retriesOf(settings: ConnectionSettings): number {
  return settings.retries ?? (speaksRtu(settings) ? 1 : 0);
}

/** What a connection is called in messages: `host:port`, or the serial port. */
export function endpointOf(settings: ConnectionSettings): string {
  if (settings.transport === 'rtu') return settings.serial?.path ?? '';
  const host = settings.host ?? '';
  return host.includes(':') ? `[${host}]:${portOf(settings)}` : `${host}:${portOf(settings)}`;
}

/** Settings of the connection that are missing, or that belong to another transport. */
export function checkConnection(settings: ConnectionSettings & { unitId: number }): ConfigProblem[] {
  const { transport } = settings;
  const problems: ConfigProblem[] = [];
  const stray = (field: 'host' | 'port' | 'tls' | 'serial', remedy: string) => {
    if (settings[field] === undefined) return;
    problems.push({ field, message: `${field} does not go with transport: ${transport}: remove it, ${remedy}` });
  };
  if (transport === 'rtu') {
    if (!settings.serial) {
      problems.push({
        field: 'transport',
        message:
          'transport: rtu needs the serial port: add serial: { path: /dev/ttyUSB0, baudRate: 19200, parity: even }',
      });
    }
    stray('host', 'or write transport: rtuOverTcp for RTU frames through a device server');
    stray('port', 'or write transport: rtuOverTcp for RTU frames through a device server');
    if (settings.serial?.dataBits === 7) {
      problems.push({ field: 'serial', message: 'RTU frames are bytes of 8 bits: write dataBits: 8' });
    }
  } else {
    if (settings.host === undefined) {
      problems.push({
        field: 'transport',
        message: `transport: ${transport} needs the address of the device: add host: 192.168.0.10, or write transport: rtu for a serial port`,
      });
    }
    stray('serial', 'or write transport: rtu');
  }
  if (speaksRtu(settings) && settings.unitId === 0) {
    problems.push({
      field: 'unitId',
      message:
        'on a serial line unit 0 means all units, and none of them answers: write the unit of the device, 1 to 247',
    });
  }
  if (transport !== 'tls') stray('tls', 'or write transport: tls');
  for (const { message } of checkTlsClient(settings.tls ?? {})) problems.push({ field: 'tls', message });
  return problems;
}
