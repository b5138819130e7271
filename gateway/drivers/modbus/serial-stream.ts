/** Bytes over a serial port of this machine. */
import type { EventEmitter } from 'node:events';
import type { SerialPort } from 'serialport';
import type { SerialSettings } from './connection-config.ts';
import type { OpenStream } from './transport.ts';

/** Opens the port for this process alone. The package and its native part are loaded with the first port. */
export function serialStream(settings: SerialSettings): OpenStream {
  return (events) => {
    let port: SerialPort | null = null;
    let destroyed = false;
    let cause: unknown;
    let closed = false;
    const close = () => {
      if (port?.isOpen) port.close(() => {});
    };
    import('serialport')
      .then(({ SerialPort }) => {
        if (destroyed) return;
        port = new SerialPort({ ...settings, lock: true, autoOpen: false });
        port.on('error', (error) => {
          cause ??= error;
          close();
        });
        // What the system says of a port that goes depends on whether it was read, written or waited for just then.
        port.on('close', (error: Error | null) => {
          if (closed) return;
          closed = true;
          events.closed(new Error('the serial port is gone; is the adapter plugged in?', { cause: error ?? cause }));
        });
        port.on('data', (bytes: Buffer) => {
          events.received(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.length), bytes.length);
        });
        port.open((error) => {
          if (error) events.closed(error);
          else if (destroyed) close();
          else {
            pollerOf(port)?.once('disconnect', close);
            events.opened();
          }
        });
      })
      .catch((error: Error) => events.closed(error));
    return {
      get blocked() {
        return (port?.writableLength ?? 0) > 0;
      },
      write: (bytes) => void port?.write(bytes),
      destroy: () => {
        destroyed = true;
        close();
      },
    };
  };
}

/**
 * What is told by the system when the port hangs up. Reads of such a port give nothing and no error, and the package
 * then reads again at once and for ever, until something is written.
 */
function pollerOf(port: SerialPort | null): EventEmitter | undefined {
  return (port?.port as { poller?: EventEmitter } | undefined)?.poller;
}
