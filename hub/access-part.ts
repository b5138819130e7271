/** Joins what lets gateways and integrators in: authority, accounts, broker, database, the commands at this machine. */
import { X509Certificate } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { BrokerPlace } from '@lineside/shared/contracts/enrolment.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Unwind } from '@lineside/shared/lifecycle/unwind.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { type BrokerTls, readPem, resolveTls } from '@lineside/shared/mqtt/broker-tls.ts';
import { EmbeddedBroker } from './broker/embedded-broker.ts';
import type { GatewayBus } from './broker/gateway-bus.ts';
import type { CertificatesPart } from './certificates-part.ts';
import type { LoadedHubConfig } from './config/load-config.ts';
import type { ControlSocket } from './control/control-socket.ts';
import { Authority } from './enrolment/authority.ts';
import { Enrolment } from './enrolment/enrolment.ts';
import type { ShownCertificate } from './enrolment/shown-certificate.ts';
import { siteIdsOf } from './equipment/plant.ts';
import { mosquittoAccess } from './mosquitto-access.ts';
import { type MosquittoFile, mosquittoFiles } from './mqtt-accounts/mosquitto-files.ts';
import { MqttAccounts } from './mqtt-accounts/mqtt-accounts.ts';
import { atTheHub } from './store/postgres/audit.ts';
import { enrolledGateways, revokedSince, settleAuthority } from './store/postgres/enrolment.ts';
import type { Stores } from './stores-part.ts';

/** How often certificates that another process has revoked, and its accounts, are looked for. Milliseconds. */
const REVOKED_MS = 5_000;
/** Clocks of processes differ, and a client may come in while it is being revoked: looked at more than once. */
const REVOKED_AGAIN_MS = 60_000;

export interface AccessPartOptions {
  config: LoadedHubConfig;
  stores: Stores;
  /** A gateway is let in from now on. */
  onEnrolled(gateway: string): void;
  /** A certificate opens nothing any more; told of each more than once. */
  onRevoked(gateway: string, serial: string): void;
  log: Logger;
  now(): number;
}

export class AccessPart {
  readonly #options: AccessPartOptions;
  readonly enrolment: Enrolment;
  readonly accounts: MqttAccounts;
  #authority: Promise<Authority> | undefined;
  #server: ShownCertificate | undefined;
  #bus: GatewayBus | undefined;

  constructor(options: AccessPartOptions) {
    this.#options = options;
    const { config, stores, onEnrolled, log, now } = options;
    const { tokenMinutes, certificateDays } = config.enrolment;
    this.enrolment = new Enrolment({
      db: stores.relational.db,
      authority: () => this.authority(),
      takenBy: (gateway) =>
        takenBy(config, gateway) || (this.accounts.sitesOf(gateway) === undefined ? '' : 'an MQTT account'),
      broker: () => this.#place(),
      ...{ tokenMinutes, certificateDays, onEnrolled, log, now },
      onRevoked: (revoked) => this.#end(revoked),
    });
    this.accounts = new MqttAccounts({
      db: stores.relational.db,
      sites: siteIdsOf(config.equipment),
      unheard: unheard(config),
      takenBy: async (name) => {
        const gateway = config.gateways.some(({ id }) => id === name) || (await this.enrolment.knows(name));
        return gateway ? 'a gateway' : takenBy(config, name);
      },
      onChanged: (name) => {
        if (this.#bus instanceof EmbeddedBroker) this.#bus.disconnectAccount(name, 'its account was changed');
      },
      ...{ log, now },
    });
  }

  /** Made at first use; a failure is tried again at the next. @throws LinesideError AUTHORITY_UNREADABLE, AUTHORITY_ELSEWHERE */
  authority(): Promise<Authority> {
    this.#authority ??= this.#openAuthority().catch((error: unknown) => {
      this.#authority = undefined;
      throw error;
    });
    return this.#authority;
  }

  /** What the embedded broker shows and wants to see; undefined when it speaks no TLS. */
  async tls(certificates: CertificatesPart): Promise<BrokerTls | undefined> {
    const { config } = this.#options;
    const { mqtt, resolvePath } = config;
    if (!mqtt.tls || mqtt.broker) return undefined;
    const resolved = resolveTls(mqtt.tls, resolvePath);
    const { clientCaFile, port } = resolved;
    const authority = await this.authority();
    const shown = await certificates.open('mqtt', resolved);
    certificates.onRenewed('mqtt', () => {
      if (this.#bus instanceof EmbeddedBroker) this.#bus.renewTls();
    });
    this.#server = shown;
    return {
      read: () => {
        const { certificate: cert, key } = shown.pair;
        const more = clientCaFile === undefined ? [] : [readPem(clientCaFile, 'mqtt.tls.clientCaFile')];
        return { cert, key, clientCa: [authority.certificate, ...more] };
      },
      clients: clientCaFile === undefined ? 'asked' : 'needed',
      port,
    };
  }

  /** Once the broker is there. */
  async start(bus: GatewayBus, control: ControlSocket, unwind: Unwind): Promise<void> {
    const { stores, log, now } = this.#options;
    this.#bus = bus;
    await this.accounts.refresh();
    let since = now();
    const revoked = setInterval(() => {
      const at = now();
      revokedSince(stores.relational.db, since - REVOKED_AGAIN_MS, at).then(
        (found) => {
          // What was revoked while the store was away is found when it is back.
          since = at;
          this.#end(found);
        },
        (error: unknown) => log.debug({ error: messageOf(error) }, 'revoked certificates not looked up'),
      );
      this.accounts
        .refresh()
        .catch((error: unknown) => log.debug({ error: messageOf(error) }, 'MQTT accounts not looked up'));
    }, REVOKED_MS);
    unwind.defer('changes of access', () => clearInterval(revoked));
    this.#answerCommands(control);
  }

  get #folder(): string {
    return join(this.#options.stores.dataDir, 'authority');
  }

  async #openAuthority(): Promise<Authority> {
    const { stores, log, now } = this.#options;
    await mkdir(this.#folder, { recursive: true, mode: 0o750 });
    const authority = await Authority.open(this.#folder, now(), log);
    const { fingerprint, certificate } = authority;
    const settled = await settleAuthority(stores.relational.db, { fingerprint, certificate, at: now() });
    if (settled.fingerprint === fingerprint) return authority;
    const name = new X509Certificate(settled.certificate).subject.split('\n')[0];
    const words = `the certificates of this plant are signed by ${name}, and ${this.#folder}/authority.pem is another: copy that file from the hub that has it, or from a backup`;
    throw new LinesideError('AUTHORITY_ELSEWHERE', 'config', words);
  }

  #place(): BrokerPlace {
    const { enrolment, mqtt } = this.#options.config;
    if (enrolment.gatewayUrl !== undefined) {
      const { port } = new URL(enrolment.gatewayUrl);
      return { url: enrolment.gatewayUrl, port: Number(port || 8883), names: [] };
    }
    if (mqtt.broker) return { url: `mqtts://${new URL(mqtt.broker.url).hostname}:8883`, port: 8883, names: [] };
    const port = this.#bus instanceof EmbeddedBroker ? this.#bus.tlsPort : 0;
    if (port > 0) return { url: '', port, names: this.#server?.names ?? [] };
    const words =
      "the hub's broker does not speak TLS, by which gateways show their certificates: add `tls: { port: 8883 }` to mqtt in the hub's configuration";
    throw new LinesideError('ENROLMENT_NEEDS_TLS', 'config', words);
  }

  #end(revoked: { gateway: string; serial: string }[]): void {
    for (const { gateway, serial } of revoked) this.#options.onRevoked(gateway, serial);
    if (revoked.length === 0 || !(this.#bus instanceof EmbeddedBroker)) return;
    this.#bus.disconnectCertificates(
      revoked.map(({ serial }) => serial),
      'its certificate was revoked',
    );
  }

  #answerCommands(control: ControlSocket): void {
    control.answer('enrolment-token', ({ gateway, minutes }: { gateway: string; minutes?: number }, by) =>
      this.enrolment.createToken(gateway, atTheHub(by), minutes),
    );
    control.answer(
      'revoke',
      ({ gateway, serial, reason }: { gateway: string; serial?: string; reason: string }, by) =>
        this.enrolment.revoke(gateway, serial, atTheHub(by), reason),
    );
    control.answer('mosquitto-config', ({ names, place }: { names: string[]; place: string }) =>
      this.#mosquittoFiles(names, place),
    );
  }

  async #mosquittoFiles(names: string[], place: string): Promise<MosquittoFile[]> {
    const { config, stores, now } = this.#options;
    const access = await mosquittoAccess({
      ...{ config, accounts: this.accounts, names, now: now() },
      authority: await this.authority(),
      enrolled: await enrolledGateways(stores.relational.db, now()),
      revoked: await this.enrolment.revocationList(),
    });
    return mosquittoFiles(access, place);
  }
}

/** Why there is nothing that an account could hear; empty when there is. */
function unheard({ uns }: LoadedHubConfig): string {
  if (!uns.enabled) return 'no topics are published for integrators: set uns.enabled in the hub’s configuration';
  return uns.broker ? 'the topics are published at uns.broker, which has accounts of its own' : '';
}

/** What else goes by this name, in words; empty when nothing does. */
function takenBy({ mqtt, sources, sparkplug }: LoadedHubConfig, name: string): string {
  if (mqtt.broker?.username === name) return "the hub's own name at its broker";
  if (mqtt.accounts.some((account) => account.name === name)) return 'an account of mqtt.accounts';
  if (sources.some((source) => source.name === name)) return 'one of sources';
  if (sparkplug?.nodes.some((node) => node.name === name)) return 'a Sparkplug node';
  return '';
}
