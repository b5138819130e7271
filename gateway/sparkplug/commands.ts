/** What hosts ask of the node and of its devices. */
import { randomUUID } from 'node:crypto';
import type { TagInfo } from '@lineside/shared/contracts/frame.ts';
import type { WriteRequest } from '@lineside/shared/contracts/write.ts';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { type Metric, REBIRTH } from '@lineside/shared/wire/sparkplug/payload.ts';
import { readPayload } from '@lineside/shared/wire/sparkplug/payload-reader.ts';
import { sparkplugValue } from '@lineside/shared/wire/sparkplug/value.ts';
import { DATA_TYPES } from './metrics.ts';

const MAX_BYTES = 64 * 1024;
const MAX_METRICS = 100;

export interface ReadCommands<T> {
  wanted: T[];
  /** What is not carried out, and why. */
  refused: string[];
}

function metricsOf(payload: Buffer, refused: string[]): Metric[] {
  try {
    if (payload.length > MAX_BYTES) throw new Error(`${payload.length} bytes are more than ${MAX_BYTES}`);
    const { metrics } = readPayload(payload);
    if (metrics.length > MAX_METRICS) throw new Error(`${metrics.length} metrics are more than ${MAX_METRICS}`);
    return metrics;
  } catch (error) {
    refused.push(messageOf(error));
    return [];
  }
}

/** Whether a NCMD asks for the births. */
export function readNodeCommand(payload: Buffer): ReadCommands<'rebirth'> {
  const refused: string[] = [];
  const wanted: 'rebirth'[] = [];
  for (const { name, alias, value } of metricsOf(payload, refused)) {
    if (name !== REBIRTH) refused.push(`the node takes ${REBIRTH} and no ${name ?? `metric with alias ${alias}`}`);
    else if (value?.value) wanted.push('rebirth');
  }
  return { wanted, refused };
}

/**
 * What a DCMD writes.
 *
 * @param find the tag of the device by alias or name
 */
export function readDeviceCommand(
  payload: Buffer,
  find: (key: { alias?: number | bigint; name?: string }) => TagInfo | undefined,
  by: string,
): ReadCommands<WriteRequest> {
  const refused: string[] = [];
  const wanted: WriteRequest[] = [];
  for (const metric of metricsOf(payload, refused)) {
    const said = metric.name ?? `alias ${metric.alias ?? 'none'}`;
    const tag = find(metric);
    if (!tag) {
      refused.push(`there is no metric ${said}`);
      continue;
    }
    try {
      const value = sparkplugValue(metric, metric.datatype ?? DATA_TYPES[tag.type]);
      if (value === null || typeof value === 'object' || typeof value === 'bigint') {
        refused.push(`${tag.name} takes no ${value === null ? 'null' : typeof value}`);
        continue;
      }
      wanted.push({ id: randomUUID(), device: tag.device, tag: tag.name, value, by, via: 'sparkplug', comment: '' });
    } catch (error) {
      refused.push(`${tag.name}: ${messageOf(error)}`);
    }
  }
  return { wanted, refused };
}
