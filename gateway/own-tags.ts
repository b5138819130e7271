/** What the gateway says of itself as tags with alarms, beside what its devices say. */
import type { Frame, TagInfo } from '@lineside/shared/contracts/frame.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { AlarmConfig } from './alarms/config.ts';
import type { BufferStats } from './buffer/buffer.ts';
import { BufferWatch } from './buffer-watch.ts';
import { CertificateWatch } from './certificate-watch.ts';
import type { DeviceEntry } from './config/load-config.ts';
import type { TagDescription } from './tags/tag-registry.ts';

export class OwnTags {
  readonly certificate: CertificateWatch | null;
  readonly buffer: BufferWatch | null;

  /** @param before what ran until now: what goes on in it does not say again what it has said */
  constructor(devices: DeviceEntry[], dataDir: string, log: Logger, before?: OwnTags) {
    const certificate = CertificateWatch.of(devices, dataDir, log);
    const buffer = BufferWatch.of(devices);
    this.certificate =
      before?.certificate?.tag.device === certificate?.tag.device
        ? (before?.certificate ?? certificate)
        : certificate;
    this.buffer = before?.buffer?.tag.device === buffer?.tag.device ? (before?.buffer ?? buffer) : buffer;
  }

  get tags(): TagDescription[] {
    return [this.certificate?.tag, this.buffer?.tag].filter((tag) => tag !== undefined);
  }

  get alarms(): AlarmConfig[] {
    return [...(this.certificate ? [this.certificate.alarm] : []), ...(this.buffer?.alarms ?? [])];
  }

  /** A frame of each that has something new to say. */
  look(tags: TagInfo[], stats: BufferStats, now: number): Frame[] {
    const idOf = ({ device, name }: TagDescription) =>
      tags.find((tag) => tag.device === device && tag.name === name)!.id;
    const certificate = this.certificate?.look(idOf(this.certificate.tag), now);
    const buffer = this.buffer?.look(idOf(this.buffer.tag), stats, now);
    return [certificate, buffer].filter((frame) => frame !== null && frame !== undefined);
  }
}
