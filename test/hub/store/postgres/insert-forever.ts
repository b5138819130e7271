/** Child process: commits one record after the other for ever, and tells the parent the seq of each. */
import { writeSync } from 'node:fs';
import { commitRecords, watermarks } from '../../../../hub/store/postgres/ledger.ts';
import { openRelational } from '../../../../hub/store/postgres/relational.ts';

const { db } = await openRelational({ dataDir: process.argv[2] as string });
let seq = (await watermarks(db))[0]?.seq ?? 0;
writeSync(1, `open ${seq}\n`);
for (;;) {
  seq++;
  const gaps = [{ fromSeq: seq, toSeq: seq, cause: 'test', fromAt: null, toAt: null }];
  await commitRecords(db, { gateway: 'g', epoch: 'e', seq, samples: 1, gaps, alarmEvents: [], events: [], at: seq });
  writeSync(1, `${seq}\n`);
}
