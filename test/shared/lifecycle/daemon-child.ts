/** A daemon of three parts for the tests of its life; the argument says what goes wrong. */
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { runDaemon } from '@lineside/shared/lifecycle/daemon.ts';
import { createLogger } from '@lineside/shared/log/logger.ts';

const fault = process.argv[2];

process.exitCode = await runDaemon(createLogger({ name: 'test', level: 'info' }), async ({ unwind }) => {
  unwind.defer('first', () => undefined);
  if (fault === 'configuration') throw new LinesideError('PORT_TAKEN', 'config', 'port 1 is taken; set another');
  if (fault === 'bug') throw new TypeError('undefined is not a function');
  unwind.defer('second', () => {
    if (fault === 'stop') throw new Error('will not close');
  });
  // Holds the loop as a server would.
  const timer = setInterval(() => undefined, 60_000);
  unwind.defer('third', () => clearInterval(timer));
  if (fault === 'unexpected')
    process.once('message', () => setImmediate(() => void Promise.reject(new Error('oops'))));
  return 'three parts';
});
if (process.connected) process.disconnect();
