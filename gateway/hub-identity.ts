/** How the gateway comes in at the hub: by a password, or by the certificate in `hub.identityDir`. */
import type { Logger } from '@lineside/shared/log/logger.ts';
import { endpointOf } from '@lineside/shared/mqtt/endpoint.ts';
import type { MqttEndpoint } from '@lineside/shared/mqtt/open-client.ts';
import type { LoadedConfig } from './config/load-config.ts';
import { IdentityFiles } from './identity/identity-files.ts';
import { Renewal } from './identity/renewal.ts';

export interface HubIdentity {
  endpoint: MqttEndpoint;
  /** Undefined when it comes in by a password. */
  certificate: Renewal | undefined;
}

/** @throws LinesideError SECRET_UNREADABLE naming the password's file */
export function hubIdentity(config: LoadedConfig, log: Logger, now: () => number): HubIdentity {
  const { hub, gateway, resolvePath } = config;
  const endpoint = endpointOf(hub, resolvePath);
  if (hub.identityDir === undefined) return { endpoint, certificate: undefined };
  const files = new IdentityFiles(resolvePath(hub.identityDir));
  const { certFile, caFile } = files;
  // The hub's own authority, unless the broker is another's.
  const ca = hub.tls?.caFile === undefined ? caFile : resolvePath(hub.tls.caFile);
  const tls = { ...hub.tls, caFile: ca, certFile, keyFile: certFile };
  return {
    endpoint: { ...endpoint, tls, resolvePath: (path) => path },
    certificate: new Renewal({ gateway: gateway.id, files, log, now }),
  };
}
