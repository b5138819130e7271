/** What a driver needs to read its server's history. */
import type { DriverContext, DriverTag } from '../driver.ts';
import type { TagPast } from '../tag-past.ts';
import type { OpcUaDevice, OpcUaTag } from './config.ts';
import type { EventRecorder } from './event-recorder.ts';
import { History } from './history.ts';
import type { TagSamples } from './tag-samples.ts';

/** To be called when the driver starts: until then another one may be speaking for its tags. Null when it is off. */
export function createHistory(
  device: OpcUaDevice & { id: string },
  tags: DriverTag<OpcUaTag>[],
  context: DriverContext,
  samples: TagSamples,
  recorder: EventRecorder | null,
): History | null {
  const kept = context.pasts;
  if (device.history === 'off') {
    for (const { id } of tags) kept?.delete(id);
    return null;
  }
  const pasts = tags.map(({ id }): TagPast => kept?.get(id) ?? { at: 0, gaps: [] });
  return new History({
    device: device.id,
    settings: device.history,
    names: tags.map(({ name }) => name),
    pasts,
    timeOf: (data) => samples.time(data),
    emit: (index, data) => {
      recorder?.value(index, data, true);
      samples.takePast(index, data);
    },
    known: (index, readable) => {
      const { id } = tags[index]!;
      if (readable) kept?.set(id, pasts[index]!);
      else kept?.delete(id);
    },
    log: context.log,
  });
}
