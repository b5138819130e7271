/** `node demo/plant.ts`: runs the plant until SIGINT, SIGTERM or the end of the parent that spawned it. */
import { Console } from 'node:console';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { PlantHttpServer } from './http/server.ts';
import { parseOptions, usage } from './options.ts';
import { PlantFloor } from './plant-floor.ts';

/** A stop that takes longer is cut short, ms. */
const LONGEST_STOP_MS = 1_500;

/** Libraries print through console.log; stdout belongs to the ready line alone. */
globalThis.console = new Console(process.stderr, process.stderr);

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  if (options === 'help') {
    process.stdout.write(`${usage}\n`);
    return;
  }
  const floor = new PlantFloor(options);
  const http = new PlantHttpServer({ floor, host: options.host, port: options.httpPort });
  let ending = false;
  const end = async (reason: string): Promise<void> => {
    if (ending) return;
    ending = true;
    console.error(`demo plant: stopping (${reason})`);
    setTimeout(() => process.exit(0), LONGEST_STOP_MS).unref();
    await http.stop();
    await floor.stop();
    process.exit(0);
  };
  process.once('SIGINT', () => void end('SIGINT'));
  process.once('SIGTERM', () => void end('SIGTERM'));
  const orphaned = () => void end('the parent process is gone');
  process.once('disconnect', orphaned);
  if (process.connected === false) orphaned();

  await http.start();
  try {
    await floor.start();
  } catch (error) {
    await http.stop();
    throw error;
  }
  process.stdout.write(`${JSON.stringify({ ready: true, ...floor.addresses(), http: { url: http.url } })}\n`);
}

try {
  await main();
} catch (error) {
  console.error(`demo plant: ${messageOf(error)}`);
  process.exit(1);
}
