/** Whoever sends a configuration learns what became of it, or that nobody knows; and nothing waits for ever. */
import type { ConfigPushCommand, ConfigPushResult } from '@lineside/shared/contracts/link.ts';
import { pino } from 'pino';
import { expect, test, vi } from 'vitest';
import { ConfigDesk } from '../../../hub/fleet/config-desk.ts';
import type { AuditNote } from '../../../hub/store/postgres/audit.ts';
import { actorNamed } from '../../services/hub-world.ts';

const RESULT: ConfigPushResult = {
  ...{ result: 'applied', problems: [], needsRestart: [], sha256: 'a' },
  changes: { added: [], changed: [], removed: [] },
};

function rig() {
  const sent: ConfigPushCommand[] = [];
  const notes: AuditNote[] = [];
  const desk = new ConfigDesk({
    online: (gateway) => ({ 'line-1': true, 'line-2': false })[gateway],
    send: (_gateway, command) => sent.push(command),
    fleet: { ask: () => Promise.reject(new Error('nothing is on trial')) },
    log: pino({ level: 'silent' }),
    configOf: () => 'b'.repeat(64),
    note: async (note) => void notes.push(note),
    now: () => 1_000,
    answerMs: 50,
  });
  return { desk, sent, notes };
}

test('the gateway’s word is the answer; another gateway’s is not', async () => {
  const { desk, sent } = rig();
  const asked = desk.push(actorNamed('anna'), 'line-1', 'a: 1');
  expect(sent).toMatchObject([{ type: 'config.push', config: 'a: 1', by: 'anna', at: 1_000, expiresAt: 11_000 }]);
  const { id } = sent[0]!;
  desk.replied('line-2', { type: 'config.push', id, result: { ...RESULT, result: 'refused' } });
  desk.replied('line-1', { type: 'config.push', id, result: RESULT });
  expect(await asked).toEqual(RESULT);
  desk.replied('line-1', { type: 'config.push', id, result: RESULT });
});

test.each([
  ['line-2', 'GATEWAY_OFFLINE'],
  ['line-3', 'GATEWAY_NOT_FOUND'],
])('nothing is sent to %s', async (gateway, code) => {
  const { desk, sent } = rig();
  await expect(desk.push(actorNamed('anna'), gateway, '')).rejects.toMatchObject({ code });
  expect(sent).toEqual([]);
});

test('of two at once one has to wait', async () => {
  const { desk, sent } = rig();
  const first = desk.push(actorNamed('anna'), 'line-1', '');
  await expect(desk.push(actorNamed('ben'), 'line-1', '')).rejects.toMatchObject({ code: 'CONFIG_PENDING' });
  desk.replied('line-1', { type: 'config.push', id: sent[0]!.id, result: RESULT });
  await first;
  const second = desk.push(actorNamed('ben'), 'line-1', '');
  desk.gone('line-2');
  desk.gone('line-1');
  await expect(second).rejects.toMatchObject({ code: 'CONFIG_UNKNOWN' });
});

test('without an answer it is not known', async () => {
  const { desk } = rig();
  const asked = desk.push(actorNamed('anna'), 'line-1', '');
  await vi.waitFor(() => expect(asked).rejects.toMatchObject({ code: 'CONFIG_UNKNOWN' }));
});
