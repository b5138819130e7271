/** The gateway's Modbus driver, alone in its process. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Frame } from '@lineside/shared/contracts/frame.ts';
import { isGood } from '@lineside/shared/contracts/quality.ts';
import { pino } from 'pino';
import { createDriver } from '../../gateway/drivers/create-driver.ts';
import type { Driver, DriverContext } from '../../gateway/drivers/driver.ts';
import { device, tag } from '../gateway/drivers/modbus/settings.ts';
import { type Collecting, followOrders } from './measured-process.ts';
import { type ModbusLoad, valuesIn } from './modbus-load.ts';

const log = pino({ level: 'silent' });

followOrders(begin);

async function begin(load: ModbusLoad): Promise<Collecting> {
  const values = valuesIn(load);
  let frames = 0;
  let wrong = 0;
  const onFrame = (frame: Frame) => {
    if (frame.tags.length === values && isGood(frame.quality[0]!) && isGood(frame.quality[values - 1]!)) frames++;
    else wrong++;
  };
  const step = load.registers / values;
  const settings = Array.from({ length: values }, (_, i) => tag(`holding:${step * i}`, load.type));
  const tags = settings.map((each, i) => ({ id: i + 1, name: `t${i}`, settings: each }));
  const { units, pollMs } = load.everyMs === null ? load : { units: 1, pollMs: load.everyMs };
  const drivers: Driver[] = [];
  // One connection by one: libmodbus' server takes few new ones at once.
  for (const [connection, port] of load.ports.entries()) {
    const context: DriverContext = {
      ...{ onFrame, onStatus: () => {}, log, now: Date.now, resolvePath: (path: string) => path },
      // Devices of one data directory share a connection; here each connection is to be one of its own.
      dataDir: `connection ${connection}`,
    };
    for (let unitId = 1; unitId <= units; unitId++) {
      const reached = { ...device({ port, unitId, id: `${connection}-${unitId}` }), pollMs };
      const driver = createDriver('modbus', reached, tags, context);
      drivers.push(driver);
      driver.start();
    }
    while (!drivers.every((driver) => driver.status().state === 'up')) await sleep(5);
  }
  frames = 0;
  return {
    count: () => frames,
    fault: () => (wrong > 0 ? `${wrong} of ${frames + wrong} frames were not whole and Good` : ''),
    end: async () => void (await Promise.all(drivers.map((driver) => driver.stop()))),
  };
}
