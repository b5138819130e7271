/** A way out of the gateway beside the buffer: it gets the present, and what it cannot pass on is no loss. */
import type { AlarmEvent } from '@lineside/shared/contracts/alarm.ts';
import type { Frame, TagInfo } from '@lineside/shared/contracts/frame.ts';
import type { DeviceStatus } from '@lineside/shared/contracts/link.ts';
import type { LocalAlarm } from './alarms/alarm-stage.ts';
import type { LoadedConfig } from './config/load-config.ts';

/** None of these may throw or wait. */
export interface Outlet {
  /** What there is from now on; at the start and after each change of the configuration. */
  describe(config: LoadedConfig, tags: TagInfo[]): void;
  /** Samples of the present that have passed their deadband. */
  observe(frame: Frame): void;
  /** Samples of the past that came late. */
  past?(frame: Frame): void;
  device(status: DeviceStatus): void;
  /** A transition; may come twice. */
  alarm(event: AlarmEvent): void;
  /** All that are not normal, once at the start. */
  activeAlarms(alarms: LocalAlarm[]): void;
}
