import { permissionsOf, ROLES } from '@lineside/shared/contracts/permissions.ts';
import Fastify from 'fastify';
import { describe, expect, test } from 'vitest';
import { addAudit } from '../../../hub/api/plugins/audit.ts';
import { addSessions } from '../../../hub/api/plugins/session.ts';
import {
  devicesWithin,
  identityOfUser,
  ownsGateway,
  reaches,
  seesDevice,
  seesGateway,
} from '../../../hub/auth/identity.ts';

const of = (sites: string[] | null) =>
  identityOfUser({ name: 'anna', role: 'operator', sites, must_change_password: false, oidc_issuer: null });

const machines = [
  { path: 'acme/hamburg/packaging/line-1/packer', gateway: 'line-1', device: 'packer' },
  { path: 'acme/hamburg/packaging/line-1/capper', gateway: 'line-1', device: 'capper' },
  { path: 'acme/hamburg-2/packaging/line-9/packer', gateway: 'shared', device: 'packer' },
  { path: 'acme/hamburg/packaging/line-2/packer', gateway: 'shared', device: 'filler' },
];

describe('how far somebody reaches', () => {
  test('is all of the plant, or the sites and what lies below them, and no namesake', () => {
    const path = machines[0]!.path;
    expect(reaches(of(null), '')).toBe(true);
    expect(reaches(of(['acme/hamburg']), path)).toBe(true);
    expect(reaches(of([path]), path)).toBe(true);
    expect(reaches(of(['acme/hamburg']), 'acme/hamburg-2/packaging/line-9/packer')).toBe(false);
    expect(reaches(of(['acme/hamburg']), 'acme')).toBe(false);
    expect(reaches(of(['acme/hamburg']), '')).toBe(false);
    expect(reaches(of([]), path)).toBe(false);
  });

  test('is a gateway when a machine behind it is theirs, and the whole of it when all are', () => {
    const hamburg = of(['acme/hamburg']);
    expect(seesGateway(hamburg, machines, 'line-1')).toBe(true);
    expect(ownsGateway(hamburg, machines, 'line-1')).toBe(true);
    expect(seesGateway(hamburg, machines, 'shared')).toBe(true);
    expect(ownsGateway(hamburg, machines, 'shared')).toBe(false);
    expect(ownsGateway(hamburg, machines, 'nothing behind it')).toBe(false);
    expect(ownsGateway(of(null), machines, 'nothing behind it')).toBe(true);
    expect(seesDevice(hamburg, machines, 'shared', 'packer')).toBe(false);
    expect(seesDevice(hamburg, machines, 'shared', 'filler')).toBe(true);
    expect(devicesWithin(of(['acme/hamburg-2']), machines)).toEqual([{ gateway: 'shared', device: 'packer' }]);
    expect(devicesWithin(of(null), machines)).toBeUndefined();
  });
});

describe('what a role may do', () => {
  test('admin everything; nobody else manages users, keys or the hub', () => {
    for (const role of ROLES) {
      const may = permissionsOf(role);
      expect([...permissionsOf('admin')]).toEqual(expect.arrayContaining([...may]));
      for (const word of ['users.manage', 'keys.manage', 'hub.manage', 'integrators.manage'] as const) {
        expect([role, word, may.has(word)]).toEqual([role, word, role === 'admin']);
      }
    }
    expect(permissionsOf('operator').has('alarms.acknowledge')).toBe(true);
    expect(permissionsOf('operator').has('tags.write')).toBe(false);
    expect(permissionsOf('manager').has('alarms.acknowledge')).toBe(false);
  });

  test('a route under /api that says neither permission nor open keeps the hub from starting', async () => {
    const app = Fastify();
    await addSessions(app, { identify: async () => null });
    const answer = async () => 'x';
    expect(() => app.get('/api/v1/forgotten', answer)).toThrow(/GET \/api\/v1\/forgotten says neither/);
    expect(() => app.get('/api/v1/closed', { config: { permission: 'tags.read' } }, answer)).not.toThrow();
    expect(() => app.get('/api/v1/open', { config: { open: true } }, answer)).not.toThrow();
    expect(() => app.get('/page', answer)).not.toThrow();
    await app.close();
  });

  test('neither does it start with one that may change something and has no word in the audit log', async () => {
    const app = Fastify();
    addAudit(app, { note: async () => undefined }, Date.now);
    const answer = async () => 'x';
    expect(() => app.delete('/api/v1/forgotten', answer)).toThrow(/DELETE \/api\/v1\/forgotten .* audit log/);
    expect(() => app.post('/api/v1/noted', { config: { audit: 'thing.make' } }, answer)).not.toThrow();
    expect(() => app.post('/api/v1/looks', { config: { audit: null } }, answer)).not.toThrow();
    expect(() => app.get('/api/v1/reads', answer)).not.toThrow();
    await app.close();
  });
});
