/** A transport to a fake device, without a connection and its turns. */
import { onTestFinished } from 'vitest';
import { MbapTransport } from '../../../../gateway/drivers/modbus/mbap-transport.ts';
import type { Request } from '../../../../gateway/drivers/modbus/request.ts';
import { RtuTransport } from '../../../../gateway/drivers/modbus/rtu-transport.ts';
import { tcpStream } from '../../../../gateway/drivers/modbus/socket-stream.ts';
import type { Transport, TransportEvents } from '../../../../gateway/drivers/modbus/transport.ts';
import type { FakeModbusServer } from '../../../services/fake-modbus-server.ts';

export interface Line {
  transport: Transport;
  /** What came: hexadecimal digits, or words. */
  ask(request: Request): Promise<string>;
}

export async function openLine(server: FakeModbusServer, framing: 'mbap' | 'rtu'): Promise<Line> {
  let settle: (outcome: string) => void = () => {};
  const opened = Promise.withResolvers<void>();
  let asked: Request | null = null;
  const events: TransportEvents = {
    opened: () => opened.resolve(),
    answered: (view, at) => settle(Buffer.from(view.buffer, view.byteOffset + at, asked!.bytes).toString('hex')),
    refused: (exception) => settle(`exception ${exception}`),
    wrong: (reason) => settle(reason),
    restarted: () => {},
    closed: (cause) => settle(cause.message),
  };
  const stream = tcpStream('127.0.0.1', server.port);
  const transport =
    framing === 'mbap'
      ? new MbapTransport(stream, events)
      : new RtuTransport(stream, { quietMs: 0, reopenHelps: true }, events);
  onTestFinished(() => transport.destroy());
  await opened.promise;
  return {
    transport,
    ask: (request) => {
      asked = request;
      const outcome = new Promise<string>((resolve) => {
        settle = resolve;
      });
      transport.send(request);
      return outcome;
    },
  };
}
