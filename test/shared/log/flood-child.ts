/** Logs so many lines of a kilobyte before anybody reads, says so, and exits when it is told to. */
import { createLogger } from '@lineside/shared/log/logger.ts';

const log = createLogger({ name: 'flood', level: 'info' });
const lines = Number(process.argv[2]);
for (let i = 0; i < lines; i++) log.info({ i, filling: 'x'.repeat(1_000) }, 'line');
// It goes on until it is told to.
process.once('message', () => process.exit());
process.send?.('written');
