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
  const create = (with_: DriverContext) => drivers[kind]!.create(settings as never, tags as never, with_);
  if (!record) return create(context);
  const recorder = new FileRecorder({
    file: recordingFile(context.dataDir, id),
    maxBytes: record.maxMiB * MIB,
    device: id,
    driver: kind,
    log: context.log,
    now: context.now,
  });
  return recorded(create({ ...context, recorder }), recorder);
}

/** Where the running gateway records a device. */
export function recordingFile(dataDir: string, device: string): string {
  return join(dataDir, 'recordings', `${device}.jsonl`);
}

function recorded(driver: Driver, recorder: FileRecorder): Driver {
  const { write } = driver;
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
  };
}
