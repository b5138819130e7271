/** The order of the suites: one that takes long and is begun last is waited for alone. */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Those of ten seconds and more on 2 cores, longest first. Of the others Vitest knows better, from the last run. */
const LONGEST = [
  'test/e2e/nothing-lost',
  'test/e2e/replicas',
  'test/gateway/drivers/opcua/life',
  'test/e2e/alarm-kept',
  'test/e2e/demo',
  'test/browser/line',
  'test/e2e/write',
  'test/browser/web',
  'test/hub/store/postgres/relational',
  'test/gateway/drivers/modbus/breaker',
  'test/hub/hub',
  'test/hub/ingest/ingest',
  'test/gateway/publisher/hub-link',
  'test/demo/process',
  'test/gateway/drivers/opcua/interop',
  'test/gateway/drivers/opcua/opcua-driver',
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const place = LONGEST.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`));
      return place < 0 ? LONGEST.length : place;
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}
