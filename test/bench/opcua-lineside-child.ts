/** The gateway's OPC UA driver, alone in its process. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isGood } from '@lineside/shared/contracts/quality.ts';
import { pino } from 'pino';
import { Value } from 'typebox/value';
import { createDriver } from '../../gateway/drivers/create-driver.ts';
import { OpcUaDevice, OpcUaTag } from '../../gateway/drivers/opcua/config.ts';
import { TEST_NAMESPACE } from '../services/opcua-test-server.ts';
import { type Collecting, followOrders } from './measured-process.ts';
import { countOf, type OpcUaLoad, SUBSCRIPTION } from './opcua-load.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'lineside-bench-opcua-'));
process.on('exit', () => rmSync(dataDir, { recursive: true, force: true }));

followOrders(begin);

async function begin({ endpoint, groups }: OpcUaLoad): Promise<Collecting> {
  let values = 0;
  let bad = 0;
  const device = { id: 'bench', ...filled(OpcUaDevice, { endpoint, ...SUBSCRIPTION }) };
  const tags = groups
    .flatMap(({ prefix, items, everyMs }) =>
      Array.from({ length: items }, (_, i) => {
        const nodeId = `nsu=${TEST_NAMESPACE};s=${prefix}${i}`;
        return { name: `${prefix}${i}`, settings: filled(OpcUaTag, { nodeId, samplingMs: everyMs }) };
      }),
    )
    .map((tag, i) => ({ id: i + 1, ...tag }));
  const driver = createDriver('opcua', device, tags, {
    onFrame(frame) {
      values += frame.tags.length;
      for (const quality of frame.quality) if (!isGood(quality)) bad++;
    },
    onStatus: () => {},
    log: pino({ level: 'warn' }, pino.destination(2)),
    now: Date.now,
    dataDir,
    resolvePath: (path) => path,
  });
  driver.start();
  while (driver.status().state !== 'up' || values < countOf(groups)) await sleep(20);
  return {
    count: () => values,
    fault: () => {
      const { reason, missed } = driver.status();
      if (reason !== '') return reason;
      if (missed > 0) return `the server has thrown ${missed} values away`;
      return bad > 0 ? `${bad} values were not Good` : '';
    },
    end: () => driver.stop(),
  };
}

function filled<Schema extends typeof OpcUaDevice | typeof OpcUaTag>(schema: Schema, settings: object) {
  return Value.Parse(schema, Value.Default(schema, settings));
}
