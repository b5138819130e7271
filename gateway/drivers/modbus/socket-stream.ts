/** Bytes over TCP, and over TLS on TCP. */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type TlsClient, tlsOptions } from '@lineside/shared/config/tls-client.ts';
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
export function tlsStream(host: string, port: number, settings: TlsClient): OpenStream {
  return (events) => {
    let socket: Socket;
    try {
      const options = tlsOptions(settings, host, (path) => path);
      socket = connectTls({ host, port, ...options }, () => events.opened());
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
