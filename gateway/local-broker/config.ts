import { isLoopback } from '@lineside/shared/config/loopback.ts';
import { isFilter } from '@lineside/shared/uns/topics.ts';
import { type Static, Type } from 'typebox';

const closed = { additionalProperties: false };

const Account = Type.Object(
  {
    name: Type.String({
      pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$',
      description: 'User name by which a client comes in',
    }),
    passwordFile: Type.String({
      description: 'File that holds the password, path from the configuration’s folder',
    }),
    write: Type.Boolean({
      default: false,
      description: 'Whether it may set tags that are writable, by publishing to …/set',
    }),
    allow: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 300 }), {
        minItems: 1,
        maxItems: 100,
        description:
          'MQTT filters of the topics that it hears and sets, such as uns/v1/acme/hamburg/packaging/#; without it all',
      }),
    ),
  },
  closed,
);

export const LocalBrokerConfig = Type.Object(
  {
    enabled: Type.Boolean({ default: false, description: 'Whether this gateway is an MQTT broker for others' }),
    host: Type.String({
      default: '127.0.0.1',
      description: 'Address on which clients are heard; for other machines set one of the network, with tls',
    }),
    port: Type.Integer({
      default: 1884,
      minimum: 0,
      maximum: 65535,
      description: 'Port for clients; 0: any free. 1883 is the usual one, and the hub’s',
    }),
    tls: Type.Optional(
      Type.Object(
        {
          certFile: Type.String({
            description: 'Certificate (PEM) of this broker, with those that lead to the root',
          }),
          keyFile: Type.String({ description: 'Private key (PEM) of certFile; readable by this program only' }),
          clientCaFile: Type.Optional(
            Type.String({
              description: 'Authority (PEM) that clients’ certificates must be signed by; with it each needs one',
            }),
          ),
        },
        { ...closed, description: 'TLS 1.2 or later; without it passwords and values pass in clear text' },
      ),
    ),
    accounts: Type.Array(Account, { default: [], maxItems: 100, description: 'Who may come in' }),
    anonymousRead: Type.Boolean({
      default: false,
      description: 'Whether clients without a user name may come in and hear everything; they never set anything',
    }),
    maxClients: Type.Integer({
      default: 50,
      minimum: 1,
      maximum: 1_000,
      description: 'Most clients at once; further ones are refused',
    }),
  },
  {
    ...closed,
    default: {},
    description: 'An MQTT broker at the machine (MQTT 3.1.1) for the topics of the unified namespace',
  },
);
export type LocalBrokerConfig = Static<typeof LocalBrokerConfig>;

/** What the schema lets pass and what cannot work, or is to be doubted. */
export function checkLocalBroker(config: LocalBrokerConfig): {
  path: (string | number)[];
  message: string;
  warning?: boolean;
}[] {
  const problems: { path: (string | number)[]; message: string; warning?: boolean }[] = [];
  const { accounts } = config;
  accounts.forEach(({ name, allow = [] }, index) => {
    if (accounts.findIndex((other) => other.name === name) !== index) {
      problems.push({ path: ['accounts', index, 'name'], message: `the name "${name}" is taken; give it another` });
    }
    const wrong = allow.find((filter) => !isFilter(filter) || filter.startsWith('$'));
    if (wrong !== undefined) {
      const message = `"${wrong}" is no filter of topics; write one such as uns/v1/acme/#`;
      problems.push({ path: ['accounts', index, 'allow'], message });
    }
  });
  if (!config.enabled) return problems;
  if (accounts.length === 0 && !config.anonymousRead) {
    const message = 'nobody could come in: add an account, or set anonymousRead';
    problems.push({ path: ['enabled'], message });
  }
  if (!config.tls && !isLoopback(config.host)) {
    const message = `on ${config.host} passwords and values pass in clear text: add tls, or listen on 127.0.0.1`;
    problems.push({ path: ['host'], message, warning: true });
  }
  return problems;
}
