/** `hub enrol-token`, `hub revoke`, `hub mosquitto-config`: who may come in, asked of the hub that runs here. */

import { CONFIG_OPTION, type Command, type CommandArguments, textOption } from '@lineside/shared/cli/command.ts';
import type { MadeToken } from '@lineside/shared/contracts/enrolment.ts';
import { GATEWAY_ID_PATTERN } from '@lineside/shared/contracts/topics.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import type { LoadedHubConfig } from '../config/load-config.ts';
import { askRunningHub } from './ask-running-hub.ts';
import { writeMosquittoConfig } from './mosquitto-config.ts';
import { withConfig } from './with-config.ts';

const MOST_MINUTES = 10_080;

export const enrolToken: Command = {
  words: 'enrol-token',
  takes: 'GATEWAY',
  summary: 'make a token that lets a gateway enrol once, and say what to type at the gateway',
  options: { ...CONFIG_OPTION, minutes: textOption('N', 'how long the token is good for; without it as configured') },
  run: (args) => forGateway(args, makeToken),
};

export const revoke: Command = {
  words: 'revoke',
  takes: 'GATEWAY',
  summary: 'revoke the certificates of a gateway: it is disconnected at once',
  options: {
    ...CONFIG_OPTION,
    serial: textOption('HEX', 'only this certificate'),
    reason: textOption('WORDS', 'kept with the certificate'),
  },
  run: (args) => forGateway(args, revokeCertificates),
};

export const mosquittoConfig: Command = {
  words: 'mosquitto-config',
  summary:
    'write what a Mosquitto needs to let in gateways, the hub and integrators: listeners, rights, passwords, revoked certificates',
  options: {
    ...CONFIG_OPTION,
    out: textOption('DIR', 'folder to write to'),
    names: textOption(
      'HOST,...',
      'host names and addresses of that Mosquitto, for the certificate that the hub issues',
    ),
    'mosquitto-dir': textOption('DIR', 'where the files will be on Mosquitto’s machine; without it, --out'),
  },
  run: async (args) => {
    const { out, names, 'mosquitto-dir': place } = texts(args);
    if (out === undefined || args.positionals.length > 0) return 2;
    return withConfig(args, async (config) => {
      const hosts = (names ?? '').split(',').filter((name) => name !== '');
      await writeMosquittoConfig(config, { out, place: place ?? out, names: hosts });
      return 0;
    });
  },
};

type Texts = Record<string, string | undefined>;

function texts({ options }: CommandArguments): Texts {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => typeof value === 'string')) as Texts;
}

async function forGateway(
  args: CommandArguments,
  act: (config: LoadedHubConfig, gateway: string, options: Texts) => Promise<void>,
): Promise<number> {
  const [gateway, ...more] = args.positionals;
  if (gateway === undefined || more.length > 0) return 2;
  return withConfig(args, async (config) => {
    if (!new RegExp(GATEWAY_ID_PATTERN).test(gateway)) {
      const words = `"${gateway}" is no id of a gateway: lower-case letters, digits and hyphens`;
      throw new LinesideError('GATEWAY_ID_INVALID', 'config', words);
    }
    await act(config, gateway, texts(args));
    return 0;
  });
}

async function revokeCertificates(config: LoadedHubConfig, gateway: string, { serial, reason = '' }: Texts) {
  const only = serial === undefined ? {} : { serial: serial.replaceAll(':', '').toLowerCase() };
  const body = { gateway, reason, ...only };
  const revoked = (await askRunningHub(dataDirOf(config), 'revoke', body)) as { serial: string }[];
  if (revoked.length === 0)
    throw new LinesideError('CERTIFICATE_NOT_FOUND', 'config', `${gateway} has no such valid certificate`);
  for (const row of revoked) process.stdout.write(`revoked: ${gateway}, certificate ${row.serial}\n`);
}

async function makeToken(config: LoadedHubConfig, gateway: string, { minutes }: Texts) {
  const length = minutes === undefined ? undefined : Number(minutes);
  if (length !== undefined && !(Number.isInteger(length) && length >= 1 && length <= MOST_MINUTES)) {
    throw new LinesideError(
      'MINUTES_INVALID',
      'config',
      `--minutes is ${minutes}, and has to be 1 to ${MOST_MINUTES}`,
    );
  }
  const asked = { gateway, minutes: length };
  const made = (await askRunningHub(dataDirOf(config), 'enrolment-token', asked)) as MadeToken;
  const { host, port, tls } = config.http;
  const address = host === '0.0.0.0' || host === '::' ? (tls?.names[0] ?? 'THIS-MACHINE') : host;
  process.stdout.write(`${made.token}\n`);
  process.stderr.write(`
Good once, for ${gateway}, until ${new Date(made.expiresAt).toISOString().slice(0, 16).replace('T', ' ')} UTC. At the gateway:

  gateway enrol --hub ${tls ? 'https' : 'http'}://${address}:${port} --token ${made.token} --config /etc/lineside/gateway.yaml
`);
}

function dataDirOf(config: LoadedHubConfig): string {
  return config.resolvePath(config.dataDir);
}
