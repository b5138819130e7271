/** Makes sure that the database is there and the hub may use it, or says in an operator's words why not. */
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { InfluxHttp } from './influx-http.ts';

/**
 * @returns the server's version
 * @throws LinesideError STORE_UNREACHABLE when it is not there; STORE_ACCESS, STORE_NO_DATABASE when somebody has to act
 */
export async function openDatabase(http: InfluxHttp): Promise<string> {
  const version = await http.ping();
  try {
    await look(http);
  } catch (error) {
    if (!isMissing(error)) throw error;
    await create(http, error);
    await look(http);
  }
  return version;
}

/** Reads nothing, and fails as every query would. */
async function look(http: InfluxHttp): Promise<void> {
  await http.query('SELECT r FROM samples WHERE time < 0 AND time > 0 LIMIT 1', {}, () => undefined);
}

async function create(http: InfluxHttp, missing: unknown): Promise<void> {
  const { database } = http;
  try {
    await http.query(`CREATE DATABASE "${database}"`, {}, () => undefined);
  } catch (error) {
    if (error instanceof LinesideError && error.code === 'STORE_UNREACHABLE') throw error;
    throw new LinesideError(
      'STORE_NO_DATABASE',
      'config',
      `${http.place} does not exist, and the hub may not make it (${messageOf(error)}). As an administrator: in 1.x ` +
        `CREATE DATABASE "${database}" and GRANT ALL ON "${database}" TO the hub’s user; in 2.x make the bucket ` +
        `"${database}" and a token that may read and write it; in 3.x make the database.`,
      { cause: missing },
    );
  }
}

function isMissing(error: unknown): boolean {
  return (
    error instanceof LinesideError &&
    (error.code === 'STORE_NO_DATABASE' || /database not found|no such (?:bucket|database)|dbrp/i.test(error.message))
  );
}
