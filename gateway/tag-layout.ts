/** Every tag of a configuration: the devices', their link tags, the models' outputs and the gateway's own. */
import type { TagInfo } from '@lineside/shared/contracts/frame.ts';
import type { WatchedAlarm } from './alarms/alarm-stage.ts';
import type { AlarmConfig } from './alarms/config.ts';
import type { LoadedConfig, TagEntry } from './config/load-config.ts';
import type { TagId } from './device-set.ts';
import { outputOf } from './models/config.ts';
import { linkTag, type TagDescription } from './tags/tag-registry.ts';

export function describeTags(config: LoadedConfig): TagDescription[] {
  const described: TagDescription[] = config.devices.flatMap((device) => [
    linkTag(device.id),
    ...device.tags.map((tag) => {
      const { name, type, unit, description } = tag;
      return { device: device.id, name, type, unit, description, ...writingOf(tag) };
    }),
  ]);
  for (const model of config.models) {
    const { device, tag } = outputOf(model);
    const description = `Score of the model ${model.id}; 1 is its limit`;
    described.push({ device, name: tag, type: 'float32', unit: '', description });
  }
  return described;
}

/** What the hub has to know of a tag to let somebody write it. */
function writingOf({
  writable,
  min,
  max,
  enum: names,
}: TagEntry): Pick<TagInfo, 'writable' | 'min' | 'max' | 'names'> {
  if (!writable) return {};
  return {
    writable,
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    ...(names ? { names: [...new Set(Object.values(names))] } : {}),
  };
}

/** Finds a tag's number by device and name. */
export function tagIds(tags: TagInfo[]): TagId {
  // No device's id has a slash.
  const ids = new Map(tags.map(({ id, device, name }) => [`${device}/${name}`, id]));
  return (device, name) => ids.get(`${device}/${name}`);
}

/** The alarms with the tags that they watch; the configuration has been checked for those. */
export function watchedAlarms(alarms: AlarmConfig[], tags: TagInfo[]): WatchedAlarm[] {
  const byPath = new Map(tags.map((tag) => [`${tag.device}/${tag.name}`, tag]));
  return alarms.map((config) => {
    const { id, device, unit } = byPath.get(config.tag)!;
    return { config, tag: { id, device, unit } };
  });
}

/** The devices whose own alarms are asked for. */
export function alarmingDevices(config: LoadedConfig): ReadonlySet<string> {
  const asked = ({ settings }: { settings: unknown }) =>
    (settings as { conditions?: { enabled?: boolean } }).conditions?.enabled === true;
  return new Set(config.devices.filter(asked).map(({ id }) => id));
}
