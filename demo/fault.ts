/** `node demo/fault.ts <machine> <fault> on|off [--url http://127.0.0.1:8090]`: puts a fault into the running plant. */
import { parseArgs } from 'node:util';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { faultNames, machineNames } from './machines/machine.ts';

const usage = `node demo/fault.ts <machine> <fault> on|off [--url http://127.0.0.1:8090]
  machines: ${machineNames.join(', ')}
  faults:   ${faultNames.join(', ')}`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ options: { url: { type: 'string' } }, allowPositionals: true });
  const [machine, fault, position] = positionals;
  if (positionals.length !== 3 || (position !== 'on' && position !== 'off')) {
    throw new LinesideError('DEMO_OPTIONS', 'config', `expected a machine, a fault, and on or off\n${usage}`);
  }
  const url = new URL('/api/faults', values.url ?? 'http://127.0.0.1:8090');
  let response: Response;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ machine, fault, active: position === 'on' }),
      signal: AbortSignal.timeout(5_000),
    });
  } catch (cause) {
    const message = `no plant answers at ${url.origin}; start one with "node demo/plant.ts" or name it with --url`;
    throw new LinesideError('DEMO_UNREACHABLE', 'outside', message, { cause });
  }
  const answer = (await response.json()) as { error?: string };
  if (!response.ok) throw new LinesideError('DEMO_REFUSED', 'config', answer.error ?? `HTTP ${response.status}`);
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

try {
  await main();
} catch (error) {
  console.error(`fault: ${messageOf(error)}`);
  process.exit(1);
}
