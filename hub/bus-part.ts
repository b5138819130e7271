/** The broker by which gateways are heard: the embedded one, or one of the plant. */
import type { Committed } from '@lineside/shared/contracts/link.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { BrokerTls } from '@lineside/shared/mqtt/broker-tls.ts';
import { type Credentials, readCredentials } from '@lineside/shared/mqtt/credentials.ts';
import { endpointOf } from '@lineside/shared/mqtt/endpoint.ts';
import { BrokerClient } from './broker/broker-client.ts';
import type { CertificateDoor } from './broker/certificate-door.ts';
import { EmbeddedBroker } from './broker/embedded-broker.ts';
import type { GatewayBus } from './broker/gateway-bus.ts';
import type { IntegratorDoor } from './broker/integrator-door.ts';
import type { PublisherDoor } from './broker/publisher-door.ts';
import type { RefusedPublication } from './broker/refused-publications.ts';
import type { LoadedHubConfig } from './config/load-config.ts';

export interface BusOptions {
  config: LoadedHubConfig;
  credentials: Credentials;
  certificates: CertificateDoor;
  /** Of the embedded broker. */
  tls: BrokerTls | undefined;
  integrators: IntegratorDoor | undefined;
  publishers: PublisherDoor;
  /** At the embedded broker: somebody published what they may not. */
  onRefused(refused: RefusedPublication): void;
  /** A broker of the plant is there, again: what was said meanwhile, nobody has heard. */
  onConnected(): void;
  /** Among several hubs. */
  shared?: { clientId: string; onAnswer(gateway: string, committed: Committed): void } | undefined;
  log: Logger;
}

/**
 * Not part of `check`: under systemd the files are there only while the hub runs.
 *
 * @throws LinesideError SECRET_UNREADABLE naming the gateway
 */
export function gatewayCredentials(config: LoadedHubConfig): Credentials {
  const accounts = config.gateways.map(({ id, passwordFile }) => ({ name: id, passwordFile }));
  return readCredentials(accounts, config.resolvePath, `${config.file}: gateway`);
}

export function gatewayBus(options: BusOptions): GatewayBus {
  const { config, credentials, certificates, tls, integrators, publishers, onRefused, onConnected, shared, log } =
    options;
  const { broker, host, port } = config.mqtt;
  const { resolvePath } = config;
  if (broker) {
    const endpoint = { ...endpointOf(broker, resolvePath), username: broker.username };
    return new BrokerClient({ endpoint, onConnected, ...shared, log });
  }
  return new EmbeddedBroker({
    ...{ host, port, tls, credentials, certificates, integrators, publishers, onRefused, log },
  });
}

/** Where gateways connect to, for people. */
export function mqttAddress({ mqtt }: LoadedHubConfig, bus: GatewayBus): string {
  if (!(bus instanceof EmbeddedBroker)) return mqtt.broker!.url;
  const tls = `mqtts://${mqtt.host}:${bus.tlsPort}`;
  if (bus.port === bus.tlsPort) return tls;
  return `mqtt://${mqtt.host}:${bus.port}${bus.tlsPort > 0 ? `, ${tls}` : ''}`;
}
