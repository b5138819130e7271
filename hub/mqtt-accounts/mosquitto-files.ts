/**
 * What a Mosquitto needs to hold the same rights as the embedded broker: who may come in, and to which topics. Each
 * gateway stands in it by its name, so one that is revoked has no rights any more as soon as the file is read.
 */

import { GATEWAY_TOPICS, HUB_TOPICS, topicOf } from '@lineside/shared/contracts/topics.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';

export interface MosquittoAccess {
  /** The hub's own name and password there. */
  hub: { name: string; passwordHash: string };
  /** Those that may come in; without a hash by their certificate alone. */
  gateways: { id: string; passwordHash?: string | undefined }[];
  /** Sites by their ids; null: all. */
  accounts: { name: string; passwordHash: string; sites: string[] | null }[];
  /** First levels of the topics for integrators, and the id of the enterprise; null when the hub publishes none there. */
  uns: { prefix: string; enterprise: string } | null;
  /** What JSON sources publish to. */
  sources: { name: string; filter: string }[];
  sparkplug: boolean;
  /** PEM. */
  authority: string;
  revoked: string;
  server: { certificate: string; key: string };
}

export interface MosquittoFile {
  name: string;
  text: string;
  /** Only Mosquitto may read it. */
  secret: boolean;
}

const HEAD = '# Written by `hub mosquitto-config`, which writes it anew: do not edit.';

/** @param place absolute path of the folder in which Mosquitto finds the files */
export function mosquittoFiles(access: MosquittoAccess, place: string): MosquittoFile[] {
  const { authority, revoked, server } = access;
  const file = (name: string, text: string, secret = false) => ({ name, text: `${text.trim()}\n`, secret });
  return [
    file('lineside.conf', listeners(place)),
    file('lineside.acl', rights(access), true),
    file('lineside.passwords', passwords(access), true),
    file('ca.pem', authority),
    file('revoked.pem', revoked),
    file('server.pem', server.certificate),
    file('server.key', server.key, true),
  ];
}

function listeners(place: string): string {
  return `${HEAD}
# To be included by mosquitto.conf, such as: include_dir ${place}
per_listener_settings false
allow_anonymous false
password_file ${place}/lineside.passwords
acl_file ${place}/lineside.acl

# Gateways that have enrolled: their certificate says who they are, whatever name they give.
listener 8883
cafile ${place}/ca.pem
certfile ${place}/server.pem
keyfile ${place}/server.key
crlfile ${place}/revoked.pem
require_certificate true
use_identity_as_username true

# The hub, integrators, and gateways with a password.
listener 8884
certfile ${place}/server.pem
keyfile ${place}/server.key

# No limit by count: with the default of 1,000, what was acknowledged is lost in silence.
max_queued_messages 0
max_queued_bytes 268435456
max_inflight_messages 100
max_packet_size 8454144
persistence true
autosave_on_changes true
autosave_interval 1
`;
}

function rights({ hub, gateways, accounts, uns, sources, sparkplug }: MosquittoAccess): string {
  const blocks = [
    [
      '# The hub hears all gateways and answers each.',
      `user ${hub.name}`,
      ...GATEWAY_TOPICS.map((kind) => `topic read ${topicOf('+', kind)}`),
      ...HUB_TOPICS.map((kind) => `topic write ${topicOf('+', kind)}`),
      // Several hubs hear what another of them has committed.
      `topic read ${topicOf('+', 'committed')}`,
      ...(uns ? [`topic readwrite ${uns.prefix}/#`] : []),
      ...sources.map(({ filter }) => `topic read ${filter}`),
      ...(sparkplug ? ['topic read spBv1.0/#', 'topic write spBv1.0/+/NCMD/+', 'topic write spBv1.0/STATE/+'] : []),
    ],
    ...gateways.map(({ id }) => [
      `user ${id}`,
      ...GATEWAY_TOPICS.map((kind) => `topic write ${topicOf(id, kind)}`),
      ...HUB_TOPICS.map((kind) => `topic read ${topicOf(id, kind)}`),
    ]),
    ...(uns ? accounts : []).map(({ name, sites }) => [
      `user ${name}`,
      ...(sites?.map((site) => `topic read ${uns!.prefix}/${uns!.enterprise}/${site}/#`) ?? [
        `topic read ${uns!.prefix}/#`,
      ]),
    ]),
    ...sources.map(({ name, filter }) => [
      '# Its password is yours to set: mosquitto_passwd in a password file of another listener, or a line beside these.',
      `user ${name}`,
      `topic write ${filter}`,
    ]),
  ];
  for (const line of blocks.flat()) {
    // A line more would be a right more.
    if (/[\r\n\0]/.test(line))
      throw new LinesideError('TOPIC_INVALID', 'config', `a topic has a line break: ${line}`);
  }
  return [HEAD, ...blocks.map((lines) => lines.join('\n'))].join('\n\n');
}

function passwords({ hub, gateways, accounts, uns }: MosquittoAccess): string {
  const lines = [
    `${hub.name}:${hub.passwordHash}`,
    ...gateways.flatMap(({ id, passwordHash }) => (passwordHash === undefined ? [] : [`${id}:${passwordHash}`])),
    ...(uns ? accounts : []).map(({ name, passwordHash }) => `${name}:${passwordHash}`),
  ];
  return lines.join('\n');
}
