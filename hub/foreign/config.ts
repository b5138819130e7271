import { type Static, Type } from 'typebox';
import { JsonTopic } from './json-topic.ts';

export const JsonSourceConfig = Type.Object(
  {
    name: Type.String({
      pattern: '^[a-z0-9](?:[a-z0-9-]{0,39}[a-z0-9])?$',
      description: 'Names the source: its data stands under json:name where otherwise a gateway stands',
    }),
    topic: Type.String({
      minLength: 1,
      maxLength: 500,
      description:
        'What it publishes to, such as machines/{device}/{tag}; {tag...} at the end takes all further levels, + any one; without {tag} the members of the JSON are the tags',
    }),
    passwordFile: Type.Optional(
      Type.String({
        description:
          'File that holds the password by which it comes to the embedded broker, under its name; path from the configuration’s folder',
      }),
    ),
    valueField: Type.String({ default: 'value', minLength: 1, description: 'Member that holds the value' }),
    timeField: Type.String({
      default: 'timestamp_ms',
      minLength: 1,
      description:
        'Member that holds the time: milliseconds since 1970, or a text by ISO 8601; without it, when it came',
    }),
    silentAfterSeconds: Type.Integer({
      default: 60,
      minimum: 1,
      maximum: 86_400,
      description: 'A device that says nothing for so long counts as down',
    }),
  },
  { additionalProperties: false },
);
export type JsonSourceConfig = Static<typeof JsonSourceConfig>;

interface Around {
  gateways: { id: string }[];
  mqtt: { broker?: unknown; accounts: { name: string }[] };
  sources: JsonSourceConfig[];
}

/** What the schema lets pass and what cannot work. */
export function checkSources({ sources, gateways, mqtt }: Around): { path: (string | number)[]; message: string }[] {
  const problems: { path: (string | number)[]; message: string }[] = [];
  const add = (index: number, field: string, message: string) =>
    problems.push({ path: ['sources', index, field], message });
  sources.forEach(({ name, topic, passwordFile }, index) => {
    try {
      new JsonTopic(topic);
    } catch (error) {
      add(index, 'topic', `"${topic}": ${(error as Error).message}`);
    }
    if (topic.startsWith('lineside/') || topic.startsWith('$')) {
      add(index, 'topic', `"${topic}" is within Lineside's own topics; take others`);
    }
    const taken = [...gateways.map(({ id }) => id), ...mqtt.accounts.map((account) => account.name)];
    const twice = sources.findIndex((other) => other.name === name) !== index;
    if (twice || taken.includes(name)) add(index, 'name', `the name "${name}" is taken; give it another`);
    if (mqtt.broker && passwordFile !== undefined) {
      add(index, 'passwordFile', 'accounts are those of mqtt.broker: remove it');
    }
    if (!mqtt.broker && passwordFile === undefined) {
      add(index, 'name', `"${name}" needs a passwordFile to come to the embedded broker`);
    }
  });
  return problems;
}
