/** Gathers what the hub knows of who may come in, for a Mosquitto. */
import { readSecret } from '@lineside/shared/config/validate.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { UnsTopics } from '@lineside/shared/uns/topics.ts';
import type { LoadedHubConfig } from './config/load-config.ts';
import type { Authority } from './enrolment/authority.ts';
import { rootOf } from './equipment/plant.ts';
import { JsonTopic } from './foreign/json-topic.ts';
import type { MosquittoAccess } from './mqtt-accounts/mosquitto-files.ts';
import type { MqttAccounts } from './mqtt-accounts/mqtt-accounts.ts';
import { hashPassword } from './mqtt-accounts/password-hash.ts';

/** The certificate of a Mosquitto is renewed by whoever writes its files again; long enough not to be forgotten. Days. */
const SERVER_DAYS = 825;

export interface MosquittoAccessOptions {
  config: LoadedHubConfig;
  authority: Authority;
  accounts: MqttAccounts;
  /** Gateways with a certificate that is valid. */
  enrolled: string[];
  /** PEM. */
  revoked: string;
  /** Of the machine with Mosquitto. */
  names: string[];
  now: number;
}

/** @throws LinesideError BROKER_NOT_SET, BROKER_PASSWORD_MISSING, SECRET_UNREADABLE */
export async function mosquittoAccess(options: MosquittoAccessOptions): Promise<MosquittoAccess> {
  const { config, authority, accounts, enrolled, revoked, names, now } = options;
  const { mqtt, uns, sources, sparkplug, gateways, resolvePath } = config;
  const { broker } = mqtt;
  if (!broker) {
    const words =
      'the hub has its own broker, and would not come to a Mosquitto: set mqtt.broker in its configuration first';
    throw new LinesideError('BROKER_NOT_SET', 'config', words);
  }
  if (broker.passwordFile === undefined) {
    const words = 'the hub would not be let in: set mqtt.broker.passwordFile in its configuration';
    throw new LinesideError('BROKER_PASSWORD_MISSING', 'config', words);
  }
  const hashOf = (file: string) => hashPassword(readSecret(resolvePath(file)));
  const byPassword = new Map(
    gateways.flatMap(({ id, passwordFile }) =>
      passwordFile === undefined ? [] : [[id, hashOf(passwordFile)] as const],
    ),
  );
  const ids = [...new Set([...byPassword.keys(), ...enrolled])].sort();
  const host = new URL(broker.url).hostname;
  const topics = uns.enabled && !uns.broker ? new UnsTopics(uns) : null;
  return {
    hub: { name: broker.username, passwordHash: hashOf(broker.passwordFile) },
    gateways: ids.map((id) => ({ id, passwordHash: byPassword.get(id) })),
    accounts: [
      ...mqtt.accounts.map(({ name, passwordFile, sites = null }) => ({
        name,
        passwordHash: hashOf(passwordFile),
        sites,
      })),
      ...accounts
        .withHashes()
        .map(({ name, password_hash, sites }) => ({ name, passwordHash: password_hash, sites })),
    ],
    uns: topics && {
      prefix: topics.prefix,
      enterprise: rootOf(config.equipment),
    },
    sources: sources.map(({ name, topic }) => ({ name, filter: new JsonTopic(topic).filter })),
    sparkplug: sparkplug !== undefined && sparkplug.broker === undefined,
    authority: authority.certificate,
    revoked,
    server: await authority.server([...new Set([...names, host])], now, SERVER_DAYS),
  };
}
