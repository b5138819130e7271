import type { StateCategory } from '@lineside/shared/contracts/api.ts';
import {
  type Icon,
  IconAlertTriangleFilled,
  IconHourglassHigh,
  IconPlayerPlayFilled,
  IconPlayerStopFilled,
  IconQuestionMark,
} from '@tabler/icons-react';

export const STATE_WORDS: Record<StateCategory, string> = {
  producing: 'Producing',
  idle: 'Idle',
  stopped: 'Stopped',
  down: 'Down',
  unknown: 'Unknown',
};

/** A shape for each state beside its colour: one man in twelve cannot tell the green from the red. */
export const STATE_ICONS: Record<StateCategory, Icon> = {
  producing: IconPlayerPlayFilled,
  idle: IconHourglassHigh,
  stopped: IconPlayerStopFilled,
  down: IconAlertTriangleFilled,
  unknown: IconQuestionMark,
};
