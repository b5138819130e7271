/** The gateway's whole configuration, composed of what each stage and each driver says of its own part. */
import { GATEWAY_ID_PATTERN } from '@lineside/shared/contracts/topics.ts';
import { type Static, type TObject, Type } from 'typebox';
import { AlarmConfig } from '../alarms/config.ts';
import { BufferConfig } from '../buffer/config.ts';
import { drivers } from '../drivers/registry.ts';
import { LocalConfig } from '../local/config.ts';
import { LocalBrokerConfig } from '../local-broker/config.ts';
import { ModelConfig } from '../models/config.ts';
import { HubLinkConfig } from '../publisher/config.ts';
import { SparkplugConfig } from '../sparkplug/config.ts';
import { CommonTag } from '../tags/config.ts';
import { EquipmentConfig, UnsConfig } from '../uns/config.ts';

const closed = { additionalProperties: false };

const DEVICE_ID = {
  pattern: '^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$',
  description: 'Name of the device, unique in the gateway; lower-case letters, digits and hyphens',
};

const Record = Type.Object(
  {
    maxMiB: Type.Number({
      minimum: 1,
      maximum: 10_240,
      default: 64,
      description: 'Most that the recording takes on the disk, in MiB; then the older half of it goes',
    }),
  },
  {
    ...closed,
    description:
      'Writes down all that the device says, in recordings/ of dataDir, for `gateway replay`; without it nothing is recorded',
  },
);

/** The schema of a device with this driver. */
export function deviceSchemaOf(kind: string): TObject | undefined {
  const module = Object.hasOwn(drivers, kind) ? drivers[kind] : undefined;
  if (!module) return undefined;
  const tag = Type.Object({ ...CommonTag, ...module.tagSchema.properties }, closed);
  return Type.Object(
    {
      id: Type.String(DEVICE_ID),
      driver: Type.Literal(kind, { description: 'How the gateway speaks to it' }),
      ...module.deviceSchema.properties,
      equipment: Type.Optional(EquipmentConfig),
      record: Type.Optional(Record),
      tags: Type.Array(tag, { minItems: 1, maxItems: 50_000, description: 'What is read of it' }),
    },
    closed,
  );
}

const DRIVER_KINDS = Object.keys(drivers);

/** What all devices have in common; the rest is checked against the schema of the driver that it names. */
const AnyDevice = Type.Object({
  id: Type.String(DEVICE_ID),
  driver: Type.Union(DRIVER_KINDS.map((kind) => Type.Literal(kind))),
});

const Head = {
  gateway: Type.Object(
    {
      id: Type.String({
        pattern: GATEWAY_ID_PATTERN,
        description: 'Name of this gateway, unique in the plant; lower-case letters, digits and hyphens',
      }),
    },
    { ...closed, description: 'Who this gateway is' },
  ),
  dataDir: Type.String({
    default: './var/gateway',
    description: 'Folder for the buffer and what the gateway remembers, from the configuration’s folder',
  }),
  log: Type.Object(
    {
      level: Type.Union(
        ['fatal', 'error', 'warn', 'info', 'debug', 'trace'].map((level) => Type.Literal(level)),
        { default: 'info', description: 'Least important lines that are written' },
      ),
    },
    { ...closed, default: {}, description: 'The log on standard output' },
  ),
  hub: HubLinkConfig,
  buffer: BufferConfig,
  local: LocalConfig,
  localBroker: LocalBrokerConfig,
  uns: UnsConfig,
  sparkplug: Type.Optional(SparkplugConfig),
  models: Type.Array(ModelConfig, { default: [], description: 'ONNX models that run beside the machine' }),
  alarms: Type.Array(AlarmConfig, { default: [], maxItems: 10_000, description: 'Alarms that this gateway raises' }),
};

/** For reading: devices are looked into one by one, so that a mistake is explained by its own driver. */
export const GatewayConfig = Type.Object(
  { ...Head, devices: Type.Array(AnyDevice, { minItems: 1, maxItems: 1_000, description: 'The devices' }) },
  closed,
);
export type GatewayConfig = Static<typeof GatewayConfig>;

/** For editors: one schema that also knows every driver's settings. */
export function editorSchema(): TObject {
  const devices = Type.Array(Type.Union(DRIVER_KINDS.map((kind) => deviceSchemaOf(kind)!)), {
    minItems: 1,
    description: 'The devices',
  });
  return Type.Object({ ...Head, devices }, { ...closed, title: 'Lineside gateway' });
}
