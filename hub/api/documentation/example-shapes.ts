/**
 * What the document shows where a field's name alone does not say what it is of: a user, a key and a machine all have a
 * name. The same plant as in example-words.ts.
 */
const AT = 1_795_305_600_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const CONFIG_SHA256 = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';

interface Shape {
  /** Names of fields that tell it from all others. */
  like: readonly string[];
  words: Readonly<Record<string, unknown>>;
}

/** The first that fits is taken. */
export const EXAMPLE_SHAPES: readonly Shape[] = [
  {
    like: ['permissions', 'signsInBy'],
    words: {
      ...{ name: 'm.weber', role: 'operator', mustChangePassword: false },
      permissions: ['account.read', 'account.change', 'plant.read', 'tags.read', 'alarms.read', 'alarms.acknowledge'],
    },
  },
  {
    like: ['disabled', 'signsInBy'],
    words: {
      ...{ disabled: false, mustChangePassword: false, createdAt: AT - 90 * DAY_MS },
      ...{ passwordChangedAt: AT - 89 * DAY_MS, lastLoginAt: AT - HOUR_MS },
    },
  },
  { like: ['name', 'password'], words: { name: 'm.weber' } },
  {
    like: ['minPasswordLength', 'provider'],
    words: {
      minPasswordLength: 12,
      provider: { label: 'Sign in with your company account', url: '/api/v1/oidc/login' },
    },
  },
  { like: ['accessToken', 'refreshToken'], words: { expiresIn: 900, refreshExpiresIn: 604_800 } },
  { like: ['fullName', 'disabled'], words: { role: 'supervisor', sites: ['acme/hamburg'], disabled: false } },
  {
    like: ['prefix', 'lastUsedFrom'],
    words: {
      ...{ id: '0199c2a4-51c0-7d3e-8f60-2b9e4d7a1c55', name: 'Grafana', scopes: ['plant.read', 'tags.read'] },
      ...{ createdBy: 'admin', createdAt: AT - 30 * DAY_MS, revokedBy: '', lastUsedAt: AT - 60_000 },
    },
  },
  { like: ['scopes', 'expiresAt'], words: { scopes: ['plant.read', 'tags.read'] } },
  {
    like: ['actorKind', 'outcome'],
    words: { before: { role: 'operator', sites: null }, after: { role: 'supervisor', sites: null } },
  },
  {
    like: ['state', 'oee', 'connection'],
    words: { name: 'Packer' },
  },
  { like: ['category', 'since'], words: { name: 'Execute', category: 'producing' } },
  {
    like: ['category', 'from', 'to'],
    words: { name: 'Execute', category: 'producing' },
  },
  {
    like: ['availability', 'performance', 'quality'],
    words: { quality: 0.992, oee: 0.803, unit: 'packs', producingMs: 3_276_000, stoppedMs: 324_000 },
  },
  {
    like: ['stepMs', 'raw', 'at'],
    words: {
      ...{ raw: false, stepMs: 60_000, at: [AT, AT + 60_000], mean: [118.2, 119.4], min: [116, 117.5] },
      ...{ max: [120, 121.5], first: [117, 119], last: [119, 121], timeWeightedMean: [118.3, 119.5] },
      ...{ count: [60, 60], good: [60, 59], value: [null, null], quality: [0, 0] },
    },
  },
  {
    like: ['ok', 'old', 'new'],
    words: { id: '0199c2a4-9a37-7b12-a6c4-5f0e8d213b90' },
  },
  {
    like: ['requested', 'via', 'state'],
    words: { id: '0199c2a4-9a37-7b12-a6c4-5f0e8d213b90', state: 'written', comment: 'recipe 7', error: '' },
  },
  {
    like: ['occurrence', 'raisedAt'],
    words: { state: 'unacknowledged', priority: 'high', value: 86.5, acknowledgedBy: '', comment: '', unit: '°C' },
  },
  { like: ['transition'], words: { transition: 'raised', by: '', comment: '', value: 86.5 } },
  {
    like: ['result', 'needsRestart', 'changes'],
    words: { result: 'applied', problems: [], needsRestart: [], restarted: false, trial: false },
  },
  { like: ['sound', 'changes'], words: { sound: true, problems: [], needsRestart: [] } },
  {
    like: ['endedAt', 'gateways', 'reason'],
    words: {
      ...{ id: '0199c2a4-b0d1-7e4f-9c83-6a2f1e5d7b04', state: 'done', endedAt: AT + 90_000 },
      gateways: [{ gateway: 'line-1', wave: 1, state: 'done', detail: 'applied', changedAt: AT + 45_000 }],
    },
  },
  { like: ['account', 'yaml'], words: { yaml: 'devices:\n  - id: packer\n    driver: opcua\n    tags: []\n' } },
  {
    like: ['nodeId', 'kind'],
    words: { name: 'Oil', kind: 'variable', inside: false, description: 'Oil temperature' },
  },
  { like: ['createdBy', 'usedAt'], words: { createdAt: AT - HOUR_MS, usedAt: null, expiresAt: AT + 23 * HOUR_MS } },
  {
    like: ['notBefore', 'notAfter', 'issuedAt'],
    words: { notBefore: AT - DAY_MS, notAfter: AT + 89 * DAY_MS, issuedAt: AT - DAY_MS, revokedBy: '' },
  },
  {
    like: ['passwordAt', 'comment'],
    words: { comment: 'energy monitoring', createdAt: AT - 30 * DAY_MS, passwordAt: AT - 30 * DAY_MS },
  },
  { like: ['sites', 'comment'], words: { comment: 'energy monitoring' } },
  { like: ['online', 'samplesStored'], words: { quarantined: 0, configSha256: CONFIG_SHA256 } },
];

/** What each level of the plant looks like. */
const LEVELS: Readonly<Record<string, object>> = {
  Site: {
    ...{ path: 'acme/hamburg', parent: 'acme', level: 'site', name: 'Hamburg', children: 3 },
    timeZone: 'Europe/Berlin',
  },
  Area: {
    ...{ path: 'acme/hamburg/packaging', parent: 'acme/hamburg', level: 'area', name: 'Packaging', children: 2 },
  },
  Line: {
    ...{ path: 'acme/hamburg/packaging/line-1', parent: 'acme/hamburg/packaging', level: 'line' },
    ...{ name: 'Line 1', children: 1 },
  },
  Cell: {
    ...{ path: 'acme/hamburg/packaging/line-1/packer', parent: 'acme/hamburg/packaging/line-1', level: 'cell' },
    ...{ name: 'Packer', children: 0, gateway: 'line-1', device: 'packer' },
  },
};

/** Whole answers by operation, where the same shape is of something else each time. */
export function exampleOfOperation(operationId: string): unknown {
  const [, many, one] = /^(?:list(Site|Area|Line|Cell)s(?:Of\w+)?|get(Site|Area|Line|Cell))$/.exec(operationId) ?? [];
  if (one) return LEVELS[one];
  if (many) return { items: [LEVELS[many]], next: null };
  if (operationId === 'getEquipment') return LEVELS.Cell;
  if (operationId === 'listEquipment') return { items: [LEVELS.Site, LEVELS.Area], next: null };
  if (operationId === 'listChildren') return { items: [LEVELS.Line], next: null };
  return undefined;
}
