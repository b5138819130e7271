import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServiceNotifier } from '@lineside/shared/lifecycle/service-notify.ts';
import { DgramSocket } from 'node-unix-socket';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { recordingLog } from './recording-log.ts';

let folder: string;
let socketPath: string;
let manager: DgramSocket;
let received: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lineside-notify-'));
  socketPath = join(folder, 'notify');
  received = [];
  manager = new DgramSocket();
  manager.on('data', (data: Buffer) => received.push(data.toString()));
  manager.bind(socketPath);
});

afterEach(async () => {
  manager.close();
  await rm(folder, { recursive: true });
});

describe('createServiceNotifier', () => {
  it('sends ready, status, watchdog and stopping as datagrams of their own', async () => {
    const { log, lines } = recordingLog();
    const notifier = createServiceNotifier({ log, env: { NOTIFY_SOCKET: socketPath } });
    await notifier.ready('20 devices up');
    await notifier.status('19 devices up');
    await notifier.watchdog.feed();
    await notifier.stopping();
    await notifier.close();
    await expect
      .poll(() => received)
      .toEqual([
        'READY=1\nSTATUS=20 devices up',
        'STATUS=19 devices up',
        'WATCHDOG=1',
        'STOPPING=1\nSTATUS=Stopping',
      ]);
    expect(lines).toEqual([]);
  });

  it('keeps a status on one line, so that it cannot forge another variable', async () => {
    const notifier = createServiceNotifier({ log: recordingLog().log, env: { NOTIFY_SOCKET: socketPath } });
    await notifier.status('packer down:\n  timed out\r\nMAINPID=1');
    await expect.poll(() => received).toEqual(['STATUS=packer down: timed out MAINPID=1']);
  });

  it('does nothing when no service manager asks', async () => {
    const { log, lines } = recordingLog();
    const notifier = createServiceNotifier({ log, env: { WATCHDOG_USEC: '30000000' } });
    await notifier.ready('up');
    await notifier.watchdog.feed();
    await notifier.close();
    expect(notifier.watchdog.intervalMs).toBeNull();
    expect(lines).toEqual([]);
  });

  it.each([
    ['in force for any process', { WATCHDOG_USEC: '30000000' }, 30_000],
    ['in force for this process', { WATCHDOG_USEC: '1500', WATCHDOG_PID: String(process.pid) }, 1.5],
    ['meant for another process', { WATCHDOG_USEC: '30000000', WATCHDOG_PID: '1' }, null],
    ['off', {}, null],
    ['malformed', { WATCHDOG_USEC: '30s' }, null],
    ['zero', { WATCHDOG_USEC: '0' }, null],
  ])('watchdog %s', (_, env, expected) => {
    const notifier = createServiceNotifier({
      log: recordingLog().log,
      env: { NOTIFY_SOCKET: socketPath, ...env },
    });
    expect(notifier.watchdog.intervalMs).toBe(expected);
  });

  it('warns once when the service manager does not listen, and again after it came back', async () => {
    const { log, lines } = recordingLog();
    const gone = join(folder, 'gone');
    const notifier = createServiceNotifier({ log, env: { NOTIFY_SOCKET: gone } });
    await notifier.status('one');
    await notifier.status('two');
    expect(lines).toMatchObject([{ level: 'warn', socket: gone }]);

    const late = new DgramSocket();
    late.bind(gone);
    await notifier.status('three');
    late.close();
    await rm(gone);
    await notifier.status('four');
    expect(lines).toHaveLength(2);
  });

  it('says so when the address is abstract, which cannot be reached', async () => {
    const { log, lines } = recordingLog();
    const notifier = createServiceNotifier({ log, env: { NOTIFY_SOCKET: '@lineside', WATCHDOG_USEC: '1000000' } });
    await notifier.ready('up');
    expect(notifier.watchdog.intervalMs).toBeNull();
    expect(lines).toMatchObject([{ level: 'warn', socket: '@lineside' }]);
  });

  it('does not keep the process alive, even when it is never closed', async () => {
    const module = import.meta.resolve('@lineside/shared/lifecycle/service-notify.ts');
    const script = `
      import { createServiceNotifier } from '${module}';
      const log = { warn: (...args) => console.error(...args) };
      void createServiceNotifier({ log }).ready('up');`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      env: { ...process.env, NOTIFY_SOCKET: socketPath },
      stdio: ['ignore', 'inherit', 'inherit'],
      timeout: 10_000,
    });
    const [code] = await once(child, 'exit');
    expect(code).toBe(0);
    await expect.poll(() => received).toEqual(['READY=1\nSTATUS=up']);
  });
});
