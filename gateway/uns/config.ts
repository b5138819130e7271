import { checkUnsBroker, checkUnsCommon, UnsBroker, UnsCommon } from '@lineside/shared/uns/settings.ts';
import { PATH_PATTERN } from '@lineside/shared/uns/topics.ts';
import { type Static, Type } from 'typebox';

const closed = { additionalProperties: false };

const Level = (description: string) =>
  Type.Optional(
    Type.String({
      pattern: PATH_PATTERN,
      maxLength: 200,
      description: `${description}; no + or #, and no level begins with _ or $`,
    }),
  );

/** Where a device stands, below its site (ISA-95, IEC 62264-1, 5.3.2). */
export const EquipmentConfig = Type.Object(
  {
    area: Level('Area; without it uns.area'),
    line: Level('Line; without it uns.line'),
    cell: Level('Cell, that is the machine; without it the device’s id'),
    path: Level('Area, line and cell at once, with as many levels as there are, such as packaging/line-1/packer'),
  },
  { ...closed, description: 'Where it stands in the plant, for the topics of the unified namespace' },
);
export type EquipmentConfig = Static<typeof EquipmentConfig>;

const DEFAULT_TEMPLATE = '{enterprise}/{site}/{area}/{line}/{cell}/{tagPath}';

export const UnsConfig = Type.Object(
  {
    enabled: Type.Boolean({
      default: false,
      description: 'Whether values, alarms and states are published for others, at the local broker or at uns.broker',
    }),
    enterprise: Level('Enterprise'),
    site: Level('Site'),
    area: Level('Area of devices that do not say theirs'),
    line: Level('Line of devices that do not say theirs'),
    template: Type.String({
      default: DEFAULT_TEMPLATE,
      maxLength: 300,
      pattern: '^[^+#$]+$',
      description:
        'Levels behind the prefix, of {enterprise} {site} {area} {line} {cell} {gateway} {device} and own words; an empty level is left out. It ends with {tagPath}, where dots in a tag’s name become levels, or with {tag}, where they stay',
    }),
    ...UnsCommon,
    broker: Type.Optional(
      Type.Object(
        {
          ...UnsBroker.properties,
          write: Type.Boolean({
            default: false,
            description:
              'Whether tags may be set through this broker; whoever its rights let publish to …/set then can',
          }),
        },
        { ...closed, description: 'A broker of the plant to publish to, in place of the local one' },
      ),
    ),
  },
  { ...closed, default: {}, description: 'The unified namespace: topics for integrators, live and without the hub' },
);
export type UnsConfig = Static<typeof UnsConfig>;

const KNOWN = ['enterprise', 'site', 'area', 'line', 'cell', 'gateway', 'device', 'tag', 'tagPath'];

/** What the schema lets pass and what cannot work. */
export function checkUns(uns: UnsConfig, localBroker: boolean): { path: string[]; message: string }[] {
  const problems: { path: string[]; message: string }[] = [];
  const add = (path: string[], message: string) => problems.push({ path, message });
  for (const { field, message } of checkUnsCommon(uns)) add([field], message);
  const { template, broker } = uns;
  if (!/(^|\/)\{tag(Path)?\}$/.test(template)) add(['template'], 'the template must end with {tagPath} or {tag}');
  const words = [...template.matchAll(/\{([^{}]*)\}/g)].map(([, word]) => word!);
  const unknown = words.find((word) => !KNOWN.includes(word));
  if (unknown !== undefined) add(['template'], `there is no {${unknown}}; known are {${KNOWN.join('}, {')}}`);
  const parts = template.split('/').slice(0, -1);
  if (parts.some((level) => level.includes('{tag')))
    add(['template'], '{tagPath} or {tag} can only be the last level');
  if (parts.some((level) => /^_|^$/.test(level))) {
    add(['template'], 'no level of the template may be empty or begin with _: such words say what a topic is');
  }
  for (const { path, message } of broker ? checkUnsBroker(broker) : []) add(['broker', ...path], message);
  if (!uns.enabled) return problems;
  if (uns.enterprise === undefined) add(['enabled'], 'the topics begin with the enterprise: add enterprise');
  if (!broker && !localBroker) {
    add(['enabled'], 'there is no broker to publish to: set localBroker.enabled, or add broker');
  }
  return problems;
}
