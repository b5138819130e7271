/** The OPC UA driver, as the registry lists it. */
import type { DriverModule } from '../driver.ts';
import { check } from './check.ts';
import { OpcUaDevice, OpcUaTag } from './config.ts';
import { OpcUaDriver } from './opcua-driver.ts';
import { OpcUaReplay } from './replay-driver.ts';

export const opcua: DriverModule<OpcUaDevice, OpcUaTag> = {
  kind: 'opcua',
  deviceSchema: OpcUaDevice,
  tagSchema: OpcUaTag,
  check,
  valueType: (tag) => tag.type,
  create: (device, tags, context) => new OpcUaDriver(device, tags, context),
  replay: (device, tags, context, playback) => new OpcUaReplay(device, tags, context, playback),
};
