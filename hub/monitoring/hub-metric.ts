import { metricMaker } from '@lineside/shared/health/common-metrics.ts';

export const HUB_PREFIX = 'lineside_hub';

/** One of the hub's metrics; its name without the prefix. */
export const metric = metricMaker(HUB_PREFIX);
