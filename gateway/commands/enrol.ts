/** `gateway enrol`: gets this gateway its certificate from the hub, once, by a token. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CONFIG_OPTION,
  type Command,
  type CommandArguments,
  configFile,
  sayProblems,
  textOption,
} from '@lineside/shared/cli/command.ts';
import type { EnrolAnswer } from '@lineside/shared/contracts/enrolment.ts';
import { type EnrolmentToken, parseToken } from '@lineside/shared/enrolment/token.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { type LoadedConfig, loadConfig } from '../config/load-config.ts';
import { enrol } from '../identity/enrol.ts';
import { certificateStatus, day, IdentityFiles, renewalAt } from '../identity/identity-files.ts';

const STDIN = 0;

export const enrolCommand: Command = {
  words: 'enrol',
  summary: 'get the certificate by which this gateway comes in at the hub, by a token that the hub has made for it',
  options: {
    hub: textOption('ADDRESS', 'of the hub’s pages, such as http://hub.example:8080'),
    token: textOption('TOKEN', 'what `hub enrol-token` or the page of gateways has shown'),
    'token-file': textOption('FILE', 'file with the token in place of --token; - is the standard input'),
    'ca-file': textOption('FILE', 'certificates (PEM) that the one of an https address is signed by'),
    ...CONFIG_OPTION,
  },
  async run(args) {
    const file = configFile(args);
    const { hub, 'ca-file': caFile } = args.options;
    const given = args.options.token !== undefined || args.options['token-file'] !== undefined;
    if (!file || typeof hub !== 'string' || !given || args.positionals.length > 0) return 2;
    try {
      const config = loadConfig(file);
      const address = addressOf(hub);
      const token = tokenOf(args, config.gateway.id);
      const dataDir = config.resolvePath(config.dataDir);
      const folder =
        config.hub.identityDir === undefined ? join(dataDir, 'identity') : config.resolvePath(config.hub.identityDir);
      const files = new IdentityFiles(folder);
      const ca = typeof caFile === 'string' ? readFileSync(caFile, 'utf8') : undefined;
      const answer = await enrol({ hub: address, token, files, ca, now: Date.now() });
      tell(config, files, urlOf(answer, address), answer);
      return 0;
    } catch (error) {
      return sayProblems(error);
    }
  },
};

function addressOf(text: string): URL {
  const address = URL.canParse(text) ? new URL(text) : null;
  if (address && (address.protocol === 'http:' || address.protocol === 'https:')) return address;
  throw new LinesideError('ADDRESS_INVALID', 'config', `--hub is "${text}"; write http://host:port, as in a browser`);
}

function tokenOf({ options }: CommandArguments, gateway: string): EnrolmentToken {
  const file = options['token-file'];
  let text: string;
  try {
    text = typeof file === 'string' ? readFileSync(file === '-' ? STDIN : file, 'utf8') : String(options.token);
  } catch (error) {
    throw new LinesideError('TOKEN_UNREADABLE', 'config', `cannot read the token: ${messageOf(error)}`);
  }
  const token = parseToken(text);
  if (!token) {
    const words = 'this is no whole token: it begins with lsg1. and has five parts with dots between; copy it again';
    throw new LinesideError('TOKEN_INVALID', 'config', words);
  }
  if (token.gateway === gateway) return token;
  const words = `the token is for the gateway "${token.gateway}", and gateway.id is "${gateway}": have a token made for this one, or change gateway.id`;
  throw new LinesideError('TOKEN_OTHER_GATEWAY', 'config', words);
}

function urlOf({ broker }: EnrolAnswer, hub: URL): string {
  return broker.url === '' ? `mqtts://${hub.hostname}:${broker.port}` : broker.url;
}

/** What to put into the configuration, where something else is in it. */
function tell(config: LoadedConfig, files: IdentityFiles, url: string, { broker }: EnrolAnswer): void {
  const { hub, gateway } = config;
  const status = certificateStatus(files.read()!.certificate);
  const lines = [
    `${gateway.id} has enrolled; its certificate is in ${files.folder}`,
    `  valid until   ${day(status.notAfter)}`,
    `  renewed       by itself, from ${day(renewalAt(status))} on`,
  ];
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
  const [other] = broker.names.length === 0 || broker.names.includes(host) ? [] : broker.names;
  const isSet =
    hub.identityDir !== undefined && hub.url === url && (other === undefined || hub.tls?.serverName !== undefined);
  if (isSet) lines.push('', 'Nothing more to do: a gateway that runs comes in within a minute.');
  else {
    lines.push(
      '',
      `Put this into ${config.file}, in place of url and passwordFile there, and restart the gateway:`,
      '',
    );
    lines.push('hub:', `  url: ${url}`, `  identityDir: ${files.folder}`);
    if (other !== undefined) {
      lines.push('  # The certificate of the broker is not for the name in url (mqtt.tls.names at the hub).');
      lines.push(`  tls: { serverName: ${other} }`);
    }
  }
  process.stdout.write(`${lines.join('\n')}\n`);
}
