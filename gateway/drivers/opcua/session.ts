/** A session for a short errand of a command, with the security of a device. */
import { type ClientSession, OPCUAClient } from 'node-opcua-client';
import { Batches } from './batches.ts';
import type { OpcUaDevice } from './config.ts';
import { PROFILES } from './profiles.ts';
import { SecureAccess, type SecurityContext } from './security-connect.ts';

export interface Errand {
  session: ClientSession;
  batches: Batches;
  namespaces: string[];
}

/**
 * Connects, has `run` do its work, and says goodbye.
 *
 * @throws what went wrong, in an operator's words where security has to do with it
 */
export async function withSession<Result>(
  device: OpcUaDevice,
  context: SecurityContext,
  run: (errand: Errand) => Promise<Result>,
): Promise<Result> {
  const { endpoint, timeoutMs, maxPerRequest, profile } = device;
  const access = new SecureAccess(device, context);
  let client: OPCUAClient | null = null;
  try {
    client = OPCUAClient.create({
      applicationName: 'Lineside',
      clientName: 'lineside-gateway-browse',
      ...(await access.options(() => {})),
      endpointMustExist: false,
      keepSessionAlive: true,
      transportTimeout: timeoutMs,
      defaultTransactionTimeout: timeoutMs,
      connectionStrategy: { maxRetry: 0, initialDelay: 100, maxDelay: 200 },
    });
    const connected = client;
    await connected.connect(endpoint);
    const session = await connected.createSession(await access.identity(() => connected.getEndpoints()));
    try {
      const namespaces = await session.readNamespaceArray();
      const batches = new Batches(maxPerRequest ?? (profile && PROFILES[profile].maxPerRequest));
      await batches.learn(session);
      return await run({ session, batches, namespaces });
    } finally {
      await session.close(true).catch(() => {});
    }
  } catch (error) {
    throw access.explain(error);
  } finally {
    await Promise.all([access.close(), client?.disconnect().catch(() => {})]);
  }
}
