import { checkUnsBroker, checkUnsCommon, UnsBroker, UnsCommon } from '@lineside/shared/uns/settings.ts';
import { type Static, Type } from 'typebox';

const closed = { additionalProperties: false };

export const HubUnsConfig = Type.Object(
  {
    enabled: Type.Boolean({
      default: false,
      description: 'Whether the values, states and alarms of all machines are published for others',
    }),
    ...UnsCommon,
    broker: Type.Optional(UnsBroker),
  },
  {
    ...closed,
    default: {},
    description:
      'The unified namespace of the whole plant: topics by the paths of the plant’s file. At the embedded broker or that of mqtt.broker, or at uns.broker',
  },
);
export type HubUnsConfig = Static<typeof HubUnsConfig>;

export const IntegratorConfig = Type.Object(
  {
    name: Type.String({
      pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$',
      description: 'User name by which a client comes in',
    }),
    passwordFile: Type.String({ description: 'File that holds the password, path from the configuration’s folder' }),
    sites: Type.Optional(
      Type.Array(Type.String(), {
        minItems: 1,
        description: 'Ids of the sites whose topics it hears; without it all',
      }),
    ),
    write: Type.Boolean({
      default: false,
      description: 'Whether it may set tags that are writable, by publishing to …/set',
    }),
  },
  closed,
);
export type IntegratorConfig = Static<typeof IntegratorConfig>;

/** The parts of the hub's configuration that have to go together. */
export interface UnsParts {
  uns: HubUnsConfig;
  mqtt: { accounts: IntegratorConfig[]; broker?: unknown };
  gateways: { id: string }[];
}

/** What the schema lets pass and what cannot work. */
export function checkHubUns(
  { uns, mqtt, gateways }: UnsParts,
  sites: string[],
): { path: string[]; message: string }[] {
  const problems: { path: string[]; message: string }[] = [];
  const add = (path: string[], message: string) => problems.push({ path, message });
  for (const { field, message } of checkUnsCommon(uns)) add(['uns', field], message);
  const { broker } = uns;
  for (const { path, message } of broker ? checkUnsBroker(broker) : []) add(['uns', 'broker', ...path], message);
  const { accounts } = mqtt;
  accounts.forEach(({ name, sites: wanted = [] }, index) => {
    const at = ['mqtt', 'accounts', String(index)];
    if (accounts.findIndex((other) => other.name === name) !== index) {
      add([...at, 'name'], `the name "${name}" is taken; give it another`);
    }
    if (gateways.some(({ id }) => id === name)) add([...at, 'name'], `"${name}" is a gateway; give it another name`);
    const unknown = wanted.find((site) => !sites.includes(site));
    if (unknown !== undefined) {
      add([...at, 'sites'], `the plant has no site "${unknown}"; it has ${sites.join(', ')}`);
    }
  });
  if (mqtt.broker) {
    accounts.forEach(({ write }, index) => {
      if (!write) return;
      const words = 'tags are set at the embedded broker or through the API: with mqtt.broker, remove write';
      add(['mqtt', 'accounts', String(index), 'write'], words);
    });
  }
  if (accounts.length === 0) return problems;
  if (!uns.enabled || broker) {
    add(['mqtt', 'accounts'], 'they would hear nothing here: set uns.enabled, and leave out uns.broker');
  }
  return problems;
}
