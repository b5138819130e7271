/** Bytes over TCP, and over TLS on TCP. */
import { readFileSync } from 'node:fs';
import { connect, isIP, type Socket } from 'node:net';
import { checkServerIdentity, connect as connectTls } from 'node:tls';
import type { TlsSettings } from './connection-config.ts';
import type { ByteStream, OpenStream, StreamEvents } from './transport.ts';

/** Two of the largest frames. */
const RECEIVE_BYTES = 520;

/** Bytes arrive in one buffer for the whole life of the socket. */
export function tcpStream(host: string, port: number): OpenStream {
  return (events) => {
    const received = Buffer.allocUnsafeSlow(RECEIVE_BYTES);
    const view = new DataView(received.buffer);
    const socket = connect({
      host,
      port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 10_000,
      onread: {
        buffer: received,
        callback: (length) => {
          events.received(received, view, length);
          return true;
        },
      },
    });
    socket.on('connect', () => events.opened());
    return streamOf(socket, events);
  };
}

/**
 * Modbus/TCP Security: TLS 1.2 or later. A device whose certificate is not signed by a known authority, or is for
 * another name, is refused. The files are read at each attempt, so that renewed ones need no restart.
 *
 * @param settings with paths that need no resolving any more
 */
export function tlsStream(host: string, port: number, settings: TlsSettings): OpenStream {
  return (events) => {
    const name = settings.serverName ?? host;
    const file = (path: string | undefined) => (path === undefined ? undefined : readFileSync(path));
    let socket: Socket;
    try {
      socket = connectTls(
        {
          host,
          port,
          servername: isIP(name) ? '' : name,
          ca: file(settings.caFile),
          cert: file(settings.certFile),
          key: file(settings.keyFile),
          minVersion: 'TLSv1.2',
          rejectUnauthorized: true,
          checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
        },
        () => events.opened(),
      );
    } catch (error) {
      queueMicrotask(() => events.closed(error as Error));
      return { blocked: false, write: () => {}, destroy: () => {} };
    }
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 10_000);
    socket.on('data', (bytes: Buffer) => {
      events.received(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.length), bytes.length);
    });
    return streamOf(socket, events);
  };
}

function streamOf(socket: Socket, events: StreamEvents): ByteStream {
  let cause: Error | null = null;
  const gone = new Error('the device closed the connection');
  socket.on('error', (error) => {
    cause ??= error;
  });
  socket.on('end', () => events.closed(cause ?? gone));
  socket.on('close', () => events.closed(cause ?? gone));
  return {
    get blocked() {
      return socket.writableLength > 0;
    },
    write: (bytes) => void socket.write(bytes),
    destroy: () => void socket.destroy(),
  };
}
