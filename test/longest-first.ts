/** The order of the suites: one that takes long and is begun last is waited for alone. */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Those of seven seconds and more on 2 cores, longest first. Of the others Vitest knows better, from the last run. */
const LONGEST = [
  'test/e2e/demo',
  'test/browser/line',
  'test/chaos/short',
  'test/e2e/nothing-lost',
  'test/gateway/drivers/opcua/life',
  'test/e2e/write',
  'test/browser/web',
  'test/e2e/replicas',
  'test/e2e/way-back',
  'test/hub/hub',
  'test/hub/backup/backup',
  'test/e2e/alarm-kept',
  'test/hub/store/postgres/relational',
  'test/e2e/https',
  'test/hub/replicas/place',
  'test/browser/accounts',
  'test/e2e/enrolment',
  'test/e2e/mosquitto-access',
  'test/browser/enrolment',
  'test/gateway/drivers/opcua/history',
  'test/gateway/drivers/opcua/interop',
  'test/gateway/publisher/hub-link',
  'test/demo/process',
  'test/hub/fleet/fleet',
  'test/gateway/drivers/modbus/breaker',
  'test/hub/ingest/ingest',
  'test/hub/store/timeseries/duckdb/duckdb-store',
  'test/gateway/drivers/opcua/security',
  'test/gateway/drivers/opcua/opcua-driver',
  'test/gateway/local/page',
  'test/gateway/history',
  'test/gateway/main',
  'test/hub/auth/accounts',
  'test/hub/influx-hub',
  'test/demo/opcua',
  'test/hub/store/postgres/server',
  'test/gateway/opcua-trust',
  'test/gateway/buffer/power-cut',
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId, project }: TestSpecification) => {
      const place = LONGEST.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`));
      if (place >= 0) return place;
      // Those that share processes follow each other: a process goes on only with one of its own kind.
      return LONGEST.length + (project.config.isolate ? 0 : 1);
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}
