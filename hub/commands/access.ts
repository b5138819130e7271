/** `hub enrol-token`, `hub revoke`, `hub mosquitto-config`: who may come in, asked of the hub that runs here. */
import { parseArgs } from 'node:util';
import { ConfigError, formatProblem } from '@lineside/shared/config/config-document.ts';
import { GATEWAY_ID_PATTERN } from '@lineside/shared/contracts/topics.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { type LoadedHubConfig, loadHubConfig } from '../config/load-config.ts';
import type { MadeToken } from '../enrolment/enrolment.ts';
import { askRunningHub } from './ask-running-hub.ts';
import { writeMosquittoConfig } from './mosquitto-config.ts';

const ACCESS_USAGE = `usage: hub enrol-token GATEWAY --config FILE [--minutes N]
       hub revoke GATEWAY --config FILE [--serial HEX] [--reason WORDS]
       hub mosquitto-config --out DIR --config FILE [--names HOST,...] [--mosquitto-dir DIR]

  enrol-token       make a token that lets a gateway enrol once, and say what to type at the gateway
  revoke            revoke the certificates of a gateway: it is disconnected at once
  mosquitto-config  write what a Mosquitto needs to let in gateways, the hub and integrators: listeners, rights,
                    passwords, revoked certificates

  --config FILE        the hub's configuration, YAML; the hub must be running
  --minutes N          how long the token is good for; without it as configured
  --serial HEX         only this certificate
  --reason WORDS       kept with the certificate
  --out DIR            folder to write to
  --names HOST,...     host names and addresses of that Mosquitto, for the certificate that the hub issues for it
  --mosquitto-dir DIR  where the files will be on Mosquitto's machine; without it, --out
`;

const COMMANDS = ['enrol-token', 'revoke', 'mosquitto-config'];

/** The exit code: 0 done, 1 not done, 2 wrong arguments. Undefined when it is another command. */
export async function accessCommand(args: string[]): Promise<number | undefined> {
  if (!COMMANDS.includes(args[0] ?? '')) return undefined;
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(args);
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${ACCESS_USAGE}`);
    return 2;
  }
  const { positionals, values } = parsed;
  const [command, gateway, ...more] = positionals;
  const isWhole =
    command === 'mosquitto-config' ? values.out !== undefined && !gateway : gateway && more.length === 0;
  if (!values.config || !isWhole) {
    console.error(ACCESS_USAGE);
    return 2;
  }
  try {
    const config = loadHubConfig(values.config);
    if (command === 'mosquitto-config') {
      const { names = '', out = '', 'mosquitto-dir': place = out } = values;
      await writeMosquittoConfig(config, { out, place, names: names.split(',').filter((name) => name !== '') });
    } else await askFor(config, command!, gateway!, values);
    return 0;
  } catch (error) {
    if (error instanceof ConfigError) for (const problem of error.problems) console.error(formatProblem(problem));
    else console.error(messageOf(error));
    return 1;
  }
}

function parse(args: string[]) {
  const text = { type: 'string' } as const;
  return parseArgs({
    args,
    allowPositionals: true,
    options: {
      ...{ config: text, minutes: text, serial: text, reason: text },
      ...{ out: text, names: text, 'mosquitto-dir': text },
    },
  });
}

async function askFor(
  config: LoadedHubConfig,
  command: string,
  gateway: string,
  { minutes, serial, reason = '' }: { minutes?: string; serial?: string; reason?: string },
): Promise<void> {
  const dataDir = config.resolvePath(config.dataDir);
  if (!new RegExp(GATEWAY_ID_PATTERN).test(gateway)) {
    const words = `"${gateway}" is no id of a gateway: lower-case letters, digits and hyphens`;
    throw new LinesideError('GATEWAY_ID_INVALID', 'config', words);
  }
  if (command === 'revoke') {
    const body = {
      gateway,
      reason,
      ...(serial === undefined ? {} : { serial: serial.replaceAll(':', '').toLowerCase() }),
    };
    const revoked = (await askRunningHub(dataDir, 'revoke', body)) as { serial: string }[];
    if (revoked.length === 0)
      throw new LinesideError('CERTIFICATE_NOT_FOUND', 'config', `${gateway} has no such valid certificate`);
    for (const row of revoked) process.stdout.write(`revoked: ${gateway}, certificate ${row.serial}\n`);
    return;
  }
  const length = minutes === undefined ? undefined : Number(minutes);
  if (length !== undefined && !(Number.isInteger(length) && length >= 1 && length <= 10_080)) {
    throw new LinesideError('MINUTES_INVALID', 'config', `--minutes is ${minutes}, and has to be 1 to 10080`);
  }
  const made = (await askRunningHub(dataDir, 'enrolment-token', { gateway, minutes: length })) as MadeToken;
  const { host, port } = config.http;
  const address = host === '0.0.0.0' || host === '::' ? 'THIS-MACHINE' : host;
  process.stdout.write(`${made.token}\n`);
  process.stderr.write(`
Good once, for ${gateway}, until ${new Date(made.expiresAt).toISOString().slice(0, 16).replace('T', ' ')} UTC. At the gateway:

  gateway enrol --hub http://${address}:${port} --token ${made.token} --config /etc/lineside/gateway.yaml
`);
}
