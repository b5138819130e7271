/**
 * The gateway's own OPC UA certificate as a tag with an alarm: who has to renew it hears of it like of anything
 * else that needs somebody, at the machine and at the hub.
 */
import { emptyFrame, type Frame, pushSample } from '@lineside/shared/contracts/frame.ts';
import { Quality } from '@lineside/shared/contracts/quality.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { AlarmConfig } from './alarms/config.ts';
import type { DeviceEntry } from './config/load-config.ts';
import { effectiveSecurity, type SecurityConfig } from './drivers/opcua/security-config.ts';
import { TrustStore } from './drivers/opcua/security-store.ts';
import type { TagDescription } from './tags/tag-registry.ts';

/** Days before the end at which the alarm is raised: time to find whoever looks after the servers. */
const NOTICE_DAYS = 30;
const NAME = '$certificateDays';

export class CertificateWatch {
  readonly tag: TagDescription;
  readonly alarm: AlarmConfig;
  readonly #store: TrustStore;
  readonly #log: Logger;
  #said: number | null = null;

  private constructor(device: string, dataDir: string, log: Logger) {
    const description = 'Days until the gateway’s own OPC UA certificate expires';
    this.tag = { device, name: NAME, type: 'integer', unit: 'd', description };
    this.alarm = {
      id: 'lineside.opcua-certificate',
      tag: `${device}/${NAME}`,
      message: 'The OPC UA certificate of this gateway expires soon: gateway trust renew',
      priority: 'medium',
      below: NOTICE_DAYS,
      hysteresis: 0,
      onDelayMs: 0,
      offDelayMs: 0,
    };
    this.#store = new TrustStore(dataDir);
    this.#log = log;
  }

  /** Null when no device shows a certificate. The tag is the first such device's. */
  static of(devices: DeviceEntry[], dataDir: string, log: Logger): CertificateWatch | null {
    const device = devices.find(
      ({ driver, settings }) =>
        driver === 'opcua' &&
        effectiveSecurity((settings as { security?: SecurityConfig }).security).policy !== 'None',
    );
    return device ? new CertificateWatch(device.id, dataDir, log) : null;
  }

  /** A frame when the number of days has changed; null otherwise, and before there is a certificate. */
  look(tag: number, now: number): Frame | null {
    const own = this.#store.own();
    if (!own) return null;
    const days = Math.floor((own.validTo - now) / 86_400_000);
    if (days === this.#said) return null;
    this.#said = days;
    if (days < NOTICE_DAYS) {
      const words = `the gateway's own OPC UA certificate expires in ${days} days: run \`gateway trust renew\`, then trust the new one at the servers`;
      this.#log.warn({ thumbprint: own.thumbprint, days }, words);
    }
    const frame = emptyFrame(this.tag.device, now);
    pushSample(frame, tag, now, days, Quality.Good);
    return frame;
  }
}
