import type { ActorKind } from '@lineside/shared/contracts/accounts.ts';
import { formatExact } from './duration.ts';

/** What was done, by the word that stands for it in the log. */
const ACTIONS: Record<string, string> = {
  'alarm.acknowledge': 'Acknowledged an alarm',
  'certificate.renew': 'Renewed a certificate',
  'certificate.revoke': 'Revoked certificates',
  'enrolment-token.create': 'Made a token to enrol',
  'enrolment-token.withdraw': 'Withdrew a token to enrol',
  'gateway.browse': 'Browsed an OPC UA server',
  'gateway.check-config': 'Had a configuration checked',
  'gateway.configure': 'Changed a configuration',
  'gateway.enrol': 'Enrolled a gateway',
  'gateway.look-at-nodes': 'Looked at nodes of a device',
  'gateway.look-at-registers': 'Looked at registers of a device',
  'gateway.probe': 'Probed a Modbus device',
  'gateway.restart': 'Restarted a gateway',
  'hub.backup': 'Made a backup',
  'hub.restore': 'Restored the hub from a backup',
  'key.create': 'Made an API key',
  'key.revoke': 'Revoked an API key',
  'mqtt-account.create': 'Made an MQTT account',
  'mqtt-account.delete': 'Removed an MQTT account',
  'mqtt-account.reset-password': 'Gave an MQTT account another password',
  'mqtt.publish': 'Published what it may not',
  'rollout.begin': 'Began a rollout',
  'rollout.stop': 'Stopped a rollout',
  'tag.write': 'Set a tag',
  'token.reuse': 'Used a refresh token again',
  'user.change': 'Changed a user',
  'user.change-password': 'Changed the own password',
  'user.create': 'Made a user',
  'user.delete': 'Deleted a user',
  'user.end-sessions': 'Signed out everywhere',
  'user.recover': 'Let a user back in',
  'user.reset-password': 'Gave a user another password',
  'user.sign-in': 'Signed in',
  'user.sign-out': 'Signed out',
};

/** All that may be looked for. */
export const ACTION_NAMES: readonly string[] = Object.keys(ACTIONS);

/** The word itself where there are no better ones, as of an older hub. */
export function actionWords(action: string): string {
  return ACTIONS[action] ?? action;
}

/** What somebody is who is no person; a key says it by its name. */
const KINDS: Partial<Record<ActorKind, string>> = {
  account: 'MQTT account',
  gateway: 'gateway',
  command: 'by a command',
  hub: 'by itself',
  nobody: 'not signed in',
};

export function kindWords(kind: ActorKind): string {
  return KINDS[kind] ?? '';
}

export interface ChangeLine {
  name: string;
  /** Absent where there is only one side to tell. */
  before?: string;
  after?: string;
}

/** What changed, name by name; what stayed as it was is left out. */
export function changeLines(before: unknown, after: unknown): ChangeLine[] {
  const was = fieldsOf(before);
  const is = fieldsOf(after);
  const names = [...new Set([...Object.keys(was), ...Object.keys(is)])];
  const lines = names.map((name): ChangeLine => {
    const line: ChangeLine = { name };
    if (name in was) line.before = wordsOf(name, was[name]);
    if (name in is) line.after = wordsOf(name, is[name]);
    return line;
  });
  return lines.filter((line) => line.before !== line.after);
}

/** A value that is no object is a field without a name. */
function fieldsOf(value: unknown): Record<string, unknown> {
  if (value === null || value === undefined) return {};
  if (typeof value === 'object' && !Array.isArray(value)) return value as Record<string, unknown>;
  return { '': value };
}

/** As `mustChangePassword` is read aloud. */
export function nameWords(name: string): string {
  const parted = name.replaceAll(/([a-z])([A-Z])/g, (_both, before, letter) => `${before} ${letter.toLowerCase()}`);
  return parted.replace(/ (at|ms)$/, '');
}

function wordsOf(name: string, value: unknown): string {
  // Everywhere else that is nothing; here it is everything.
  if (name === 'sites' && value === null) return 'whole plant';
  if (value === null || value === '') return '—';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'number') return numberWords(name, value);
  // Nobody compares more of it by eye.
  if (typeof value === 'string') return name === 'sha256' ? value.slice(0, 12) : value;
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value.join(', ') || '—';
  if (name === 'waves' && Array.isArray(value)) return value.map((wave) => wordsOf('', wave)).join('; ');
  return JSON.stringify(value);
}

function numberWords(name: string, value: number): string {
  if (name.endsWith('At')) return formatExact(value);
  return name.endsWith('Ms') ? `${value / 1_000} s` : String(value);
}
