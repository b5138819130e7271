/** Makes a device's driver, and the recording beside it when the configuration asks for one. */
import { join } from 'node:path';
import type { Driver, DriverContext, DriverTag } from './driver.ts';
import { FileRecorder } from './recording/file-recorder.ts';
import { drivers } from './registry.ts';

const MIB = 1024 * 1024;

/** @param settings of the device; have passed the checks of the driver */
export function createDriver(
  kind: string,
  settings: unknown,
  tags: DriverTag<unknown>[],
  context: DriverContext,
): Driver {
  const { id, record } = settings as { id: string; record?: { maxMiB: number } };
  const create = (own: DriverContext) => drivers[kind]!.create(settings as never, tags as never, own);
  if (!record) return create(context);
  const { log, dataDir } = context;
  const now = () => context.now();
  const file = recordingFile(dataDir, id);
  const recorder = new FileRecorder({ file, maxBytes: record.maxMiB * MIB, device: id, driver: kind, log, now });
  const driver = create({
    onFrame: (frame) => context.onFrame(frame),
    onStatus: (status) => context.onStatus(status),
    onConditions: (news) => context.onConditions?.(news),
    resolvePath: (path) => context.resolvePath(path),
    log,
    now,
    dataDir,
    recorder,
  });
  return recorded(driver, recorder);
}

/** Where the running gateway records a device. */
export function recordingFile(dataDir: string, device: string): string {
  return join(dataDir, 'recordings', `${device}.jsonl`);
}

function recorded(driver: Driver, recorder: FileRecorder): Driver {
  const { write, acknowledge, nodesBelow, registers } = driver;
  return {
    start() {
      recorder.start();
      driver.start();
    },
    async stop() {
      await driver.stop();
      await recorder.stop();
    },
    status: () => driver.status(),
    ...(write ? { write: (tag, value) => write.call(driver, tag, value) } : {}),
    ...(acknowledge ? { acknowledge: (key, comment) => acknowledge.call(driver, key, comment) } : {}),
    ...(nodesBelow ? { nodesBelow: (node) => nodesBelow.call(driver, node) } : {}),
    ...(registers ? { registers: (table, first, count) => registers.call(driver, table, first, count) } : {}),
  };
}
