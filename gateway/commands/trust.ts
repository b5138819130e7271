/**
 * `gateway trust`: which OPC UA servers may be spoken to. Works on files, so that it works while the gateway runs:
 * a device that waits for trust connects at its next try.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  CONFIG_OPTION,
  type Command,
  type CommandArguments,
  configFile,
  sayProblems,
} from '@lineside/shared/cli/command.ts';
import { loadConfig } from '../config/load-config.ts';
import type { CertificateInfo } from '../drivers/opcua/security-certificate.ts';
import { renewOwnCertificate } from '../drivers/opcua/security-own.ts';
import { TrustStore } from '../drivers/opcua/security-store.ts';

const DAY_MS = 86_400_000;

const list = command('list', 'list the OPC UA servers that are trusted or were rejected', (store) => {
  const own = store.own();
  say(
    own ? ['the gateway’s own certificate', ...describe(own), expiry(own)] : ['the gateway has no certificate yet'],
  );
  const known = store.list();
  for (const certificate of known) {
    const { state, at, authority } = certificate;
    const who = authority ? 'authority' : 'server';
    const when = state === 'rejected' ? `met last on ${day(at)}` : `since ${day(at)}`;
    say([`${state} ${who}, ${when}`, ...describe(certificate)]);
  }
  if (known.length === 0) say(['no server has been met yet']);
});

const add = command(
  'add',
  'trust a server that was rejected, by its thumbprint; or what a file holds: a certificate (PEM, DER) or a revocation list (.crl)',
  (store, which) => {
    if (!existsSync(which)) {
      const trusted = store.trust(which);
      say(['trusted; the gateway connects at its next try', ...describe(trusted)]);
      return;
    }
    const taken = store.trustFile(resolve(which));
    if (taken === 'crl') say(['revocation list taken in']);
    else say([`trusted${taken.authority ? ', and with it every server that it issued' : ''}`, ...describe(taken)]);
  },
  'THUMBPRINT|FILE',
);

const remove = command(
  'remove',
  'end the trust in a server, by its thumbprint; the gateway leaves it within seconds',
  (store, which) => say(['removed', ...describe(store.remove(which))]),
  'THUMBPRINT',
);

const renew = command(
  'renew',
  'make the gateway a new OPC UA certificate, which the servers must then trust',
  async (_store, _which, dataDir) => {
    const made = await renewOwnCertificate(dataDir, Date.now());
    say([
      'new certificate, used from the next connection on: trust it at the servers, then restart the gateway',
      ...describe(made),
      expiry(made),
    ]);
  },
);

export const trust: Command[] = [list, add, remove, renew];

function command(
  word: string,
  summary: string,
  act: (store: TrustStore, which: string, dataDir: string) => void | Promise<void>,
  operand?: string,
): Command {
  return {
    words: `trust ${word}`,
    summary: operand ? `${operand}: ${summary}` : summary,
    options: CONFIG_OPTION,
    async run(args: CommandArguments) {
      const file = configFile(args);
      if (!file || args.positionals.length !== (operand ? 1 : 0)) return 2;
      try {
        const config = loadConfig(file);
        const dataDir = config.resolvePath(config.dataDir);
        await act(new TrustStore(dataDir), args.positionals[0] ?? '', dataDir);
        return 0;
      } catch (error) {
        return sayProblems(error);
      }
    },
  };
}

function describe({
  thumbprint,
  subject,
  issuer,
  selfSigned,
  validFrom,
  validTo,
  ...rest
}: CertificateInfo): string[] {
  return [
    `  thumbprint   ${thumbprint}`,
    `  subject      ${subject}`,
    `  issuer       ${selfSigned ? 'itself' : issuer}`,
    `  valid        ${day(validFrom)} to ${day(validTo)}`,
    `  application  ${rest.applicationUri || 'none'}`,
    `  hosts        ${rest.hosts.join(', ') || 'none'}`,
  ];
}

function expiry({ validTo }: CertificateInfo): string {
  const days = Math.floor((validTo - Date.now()) / DAY_MS);
  return days < 0 ? '  expired' : `  expires in   ${days} days`;
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

function say(lines: string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}
