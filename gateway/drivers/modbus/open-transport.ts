/** From the settings of a connection to what carries its frames. */
import { silenceMs } from './bus-time.ts';
import { type ConnectionSettings, portOf } from './connection-config.ts';
import { MbapTransport } from './mbap-transport.ts';
import { RtuTransport } from './rtu-transport.ts';
import { serialStream } from './serial-stream.ts';
import { tcpStream, tlsStream } from './socket-stream.ts';
import type { Transport, TransportEvents } from './transport.ts';

/** Begins to open a transport; to be called anew for each attempt. */
export type OpenTransport = (events: TransportEvents) => Transport;

/**
 * The settings must have passed `check`.
 *
 * @param resolvePath makes paths of the configuration absolute
 */
export function transportFor(settings: ConnectionSettings, resolvePath: (path: string) => string): OpenTransport {
  const { host = '', transport, serial } = settings;
  const port = portOf(settings);
  if (transport === 'rtu' && serial) {
    const options = { quietMs: silenceMs(serial), reopenHelps: false };
    return (events) => new RtuTransport(serialStream(serial), options, events);
  }
  if (transport === 'rtuOverTcp') {
    const options = { quietMs: 0, reopenHelps: true };
    return (events) => new RtuTransport(tcpStream(host, port), options, events);
  }
  if (transport === 'tls') {
    const tls = { ...settings.tls };
    for (const file of ['caFile', 'certFile', 'keyFile'] as const) {
      if (tls[file] !== undefined) tls[file] = resolvePath(tls[file]);
    }
    return (events) => new MbapTransport(tlsStream(host, port, tls), events);
  }
  return (events) => new MbapTransport(tcpStream(host, port), events);
}
