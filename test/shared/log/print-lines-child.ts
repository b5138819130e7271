/** Logs a bit of everything; to be run in a process of its own, for what is tested is what stdout gets. */
import { createLogger } from '@lineside/shared/log/logger.ts';

const SECRET = 'swordfish';
const log = createLogger({ name: 'gateway line-1', level: 'debug' });
log.info({ password: SECRET, token: SECRET, secret: SECRET }, 'flat');
log.info({ hub: { url: 'mqtt://h:1883', password: SECRET, token: SECRET, secret: SECRET } }, 'nested');
log.info(
  {
    options: { auth: { password: SECRET, token: SECRET } },
    req: { headers: { authorization: SECRET, cookie: SECRET } },
  },
  'deep',
);
log.warn({ url: `mqtt://line-1:${SECRET}@hub:1883` }, `cannot reach mqtts://line-1:${SECRET}@hub`);
log.child({ part: 'link' }).error({ password: SECRET, err: new Error(`at http://a:${SECRET}@b/`) }, 'failed');
log.child({ token: SECRET }).debug('of a child');
log.trace('too small');
log.fatal('the\nend');
process.exit();
