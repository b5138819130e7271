/** A record that holds one event and nothing else. */
import type { GatewayEvent } from '@lineside/shared/contracts/event.ts';
import { BatchWriter } from '@lineside/shared/wire/batch-writer.ts';
import { compressBatch } from '@lineside/shared/wire/envelope.ts';

export function eventPayload(event: GatewayEvent): Buffer {
  const writer = new BatchWriter(new Map());
  writer.addEvent(event);
  return compressBatch(writer.finish());
}
