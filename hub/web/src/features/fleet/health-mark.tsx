import {
  type Icon,
  IconAlertTriangleFilled,
  IconCircleCheck,
  IconPlugConnectedX,
  IconQuestionMark,
} from '@tabler/icons-react';
import { type GatewayHealth, HEALTH_WORDS } from '../../format/gateway-words.ts';
import classes from './health-mark.module.css';

const ICONS: Record<GatewayHealth, Icon> = {
  good: IconCircleCheck,
  attention: IconAlertTriangleFilled,
  offline: IconPlugConnectedX,
  never: IconQuestionMark,
};

/** How a gateway is, by shape, colour and word. */
export function HealthMark({ health }: { health: GatewayHealth }) {
  const Shape = ICONS[health];
  return (
    <span className={classes.root} data-health={health}>
      <Shape size="1.15rem" aria-hidden="true" />
      {HEALTH_WORDS[health]}
    </span>
  );
}
