/** A driver's context that keeps what the driver says. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Frame, Value } from '@lineside/shared/contracts/frame.ts';
import type { DeviceStatus } from '@lineside/shared/contracts/link.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import type { Driver, DriverContext, DriverModule, DriverTag } from '../../../gateway/drivers/driver.ts';

export interface Sample {
  tag: number;
  at: number;
  value: Value;
  quality: number;
}

export class Collector implements DriverContext {
  readonly frames: Frame[] = [];
  readonly statuses: DeviceStatus[] = [];
  readonly logLines: string[] = [];
  readonly dataDir: string;
  readonly log: Logger;
  pasts?: DriverContext['pasts'];

  constructor() {
    this.dataDir = mkdtempSync(join(tmpdir(), 'lineside-driver-'));
    onTestFinished(() => rmSync(this.dataDir, { recursive: true, force: true }));
    this.log = pino({ level: 'info' }, { write: (line: string) => this.logLines.push(line) });
  }

  now(): number {
    return Date.now();
  }

  resolvePath(path: string): string {
    return resolve(this.dataDir, path);
  }

  onFrame(frame: Frame): void {
    this.frames.push(frame);
  }

  onStatus(status: DeviceStatus): void {
    this.statuses.push(status);
  }

  /** All samples of a tag, in the order in which they came. */
  samples(tag: number): Sample[] {
    const found: Sample[] = [];
    for (const frame of this.frames) {
      frame.tags.forEach((id, i) => {
        if (id !== tag) return;
        found.push({ tag, at: frame.sourceAt[i]!, value: frame.values[i]!, quality: frame.quality[i]! });
      });
    }
    return found;
  }

  last(tag: number): Sample | undefined {
    return this.samples(tag).at(-1);
  }
}

/** Makes a driver that stops when the test ends. Tags get the ids 1, 2, 3 … in their order. */
export function run<Device, Tag>(
  module: DriverModule<Device, Tag>,
  device: Device & { id: string },
  tags: Tag[],
  context: Collector,
): Driver {
  const listed: DriverTag<Tag>[] = tags.map((settings, i) => ({ id: i + 1, name: `tag${i + 1}`, settings }));
  const driver = module.create(device, listed, context);
  onTestFinished(() => driver.stop());
  driver.start();
  return driver;
}
