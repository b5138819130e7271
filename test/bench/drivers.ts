/** What the drivers cost beside the bare packages that others would use. */
import { loadavg } from 'node:os';
import type { Bench, BenchOptions } from './bench.ts';
import { round } from './contestant.ts';
import { modbusContest } from './modbus-contest.ts';
import { opcuaContest } from './opcua-contest.ts';

/** Shares of the measured time. */
const FLOOD = 0.4;
const PACED = 0.2;
const OPC_UA = 0.4;

export const drivers: Bench = {
  summary: 'the drivers against bare modbus-serial and node-opcua-client',
  defaultSeconds: 32,
  run,
};

async function run(options: BenchOptions): Promise<Record<string, unknown>> {
  const { seconds } = options;
  const modbus = await modbusContest({ options, floodSeconds: FLOOD * seconds, pacedSeconds: PACED * seconds });
  const opcua = await opcuaContest(options, OPC_UA * seconds);
  return {
    modbus,
    opcua,
    rssMb: Math.max(modbus.rssMb, opcua.rssMb),
    loadAverage: round(loadavg()[0]!, 1),
  };
}
