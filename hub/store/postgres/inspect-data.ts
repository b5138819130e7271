/** Opens a copy of the relational store that nobody needs any more as it is, and says what is in it. */
import { join } from 'node:path';
import { PgliteClient } from './pglite-client.ts';

export interface RelationalContents {
  /** PostgreSQL's own version. */
  version: string;
  migrations: string[];
  rows: Record<string, number>;
  watermarks: { gateway: string; epoch: string; seq: number }[];
}

const DEADLINE_MS = 10 * 60_000;

/**
 * @param dataDir holds `data`, as that of a running store does; what was still in its log is taken into its files
 * @throws LinesideError `STORE_DAMAGED` when it does not start
 */
export async function inspectRelational(dataDir: string): Promise<RelationalContents> {
  const place = { directory: join(dataDir, 'data'), marker: join(dataDir, 'creating') };
  const client = new PgliteClient(place, DEADLINE_MS, () => undefined);
  await client.start();
  try {
    const ask = async <T>(text: string) => (await client.query(text, [])).rows as T[];
    const tables = await ask<{ name: string }>(
      `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
       and not relispartition order by 1`,
    );
    const rows: Record<string, number> = {};
    for (const { name } of tables) {
      const [counted] = await ask<{ n: number }>(`select count(*) as n from "${name.replaceAll('"', '""')}"`);
      rows[name] = counted!.n;
    }
    const [server] = await ask<{ server_version: string }>('show server_version');
    return {
      version: server!.server_version,
      migrations: (await ask<{ name: string }>('select name from migrations order by 1')).map(({ name }) => name),
      rows,
      watermarks: await ask('select gateway, epoch, seq from watermarks order by 1, 2'),
    };
  } finally {
    await client.close();
  }
}
