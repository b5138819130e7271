import { afterAll, beforeAll, describe } from 'vitest';
import { relationalContract } from '../../../contract/relational.ts';
import { hasPostgres, Postgres } from '../../../services/postgres.ts';

describe.skipIf(!hasPostgres)('PostgreSQL', () => {
  let server: Postgres;

  beforeAll(async () => {
    server = await Postgres.start();
  });

  afterAll(async () => {
    await server?.dispose();
  });

  relationalContract('PostgreSQL', () => server.open());
});
