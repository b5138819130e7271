import type { DeviceStatus } from '@lineside/shared/contracts/link.ts';
import { type Icon, IconCircleCheck, IconCircleX, IconLoader } from '@tabler/icons-react';

/** How a device is, by shape and word. */
export const DEVICE_LOOK: Record<DeviceStatus['state'], { icon: Icon; words: string }> = {
  up: { icon: IconCircleCheck, words: 'Up' },
  down: { icon: IconCircleX, words: 'Down' },
  connecting: { icon: IconLoader, words: 'Connecting' },
};
