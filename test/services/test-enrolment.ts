/** What lets gateways in, on a store of a test, with a broker that is said to be there. */
import { join } from 'node:path';
import type { Kysely } from 'kysely';
import { pino } from 'pino';
import { Authority } from '../../hub/enrolment/authority.ts';
import { Enrolment, type EnrolmentOptions } from '../../hub/enrolment/enrolment.ts';
import type { Database } from '../../hub/store/postgres/schema.ts';

export function testEnrolment(
  db: Kysely<Database>,
  dir: string,
  change: Partial<EnrolmentOptions> = {},
): { enrolment: Enrolment; authority: () => Promise<Authority> } {
  const log = pino({ level: 'silent' });
  let made: Promise<Authority> | undefined;
  const authority = () => {
    made ??= Authority.open(join(dir, 'authority'), Date.now(), log);
    return made;
  };
  const enrolment = new Enrolment({
    ...{ db, authority, log, tokenMinutes: 60, certificateDays: 365, now: Date.now },
    takenBy: (name) => (name === 'scada' ? 'an account of mqtt.accounts' : ''),
    broker: () => ({ url: '', port: 8883, names: ['localhost'] }),
    onEnrolled: () => undefined,
    onRevoked: () => undefined,
    ...change,
  });
  return { enrolment, authority };
}
