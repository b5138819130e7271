/** Learns what an OPC UA server offers and takes: by reads, and a subscription to its clock that ends with it. */
import type { X509Certificate } from 'node:crypto';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import {
  AttributeIds,
  type ClientSession,
  CreateMonitoredItemsRequest,
  MessageSecurityMode,
  MonitoringMode,
  OPCUAClient,
  TimestampsToReturn,
  UserTokenType,
} from 'node-opcua-client';
import type { OpcUaDevice } from './config.ts';
import { describe, splitChain } from './security-certificate.ts';
import { SecureAccess, type SecurityContext } from './security-connect.ts';
import { withSession } from './session.ts';

export interface OfferedEndpoint {
  url: string;
  policy: string;
  mode: string;
  /** Anonymous, UserName, Certificate, IssuedToken. */
  users: string[];
  /** 0 is no security; higher is safer, by the server's own reckoning. */
  level: number;
}

export interface ServerProfile {
  endpoints: OfferedEndpoint[];
  certificate: { thumbprint: string; subject: string; validTo: number; bits: number } | null;
  /** Why no session came about; null when one did, and then the rest is filled in. */
  noSession: string | null;
  product: string;
  namespaces: string[];
  /** Names of the limits as in OPC 10000-5, 6.3.11; those that the server states. */
  limits: [name: string, value: number][];
  minSamplingMs: number | null;
  /** What the server grants to whom asks for the quickest, milliseconds. */
  grantedSamplingMs: number | null;
  grantedPublishingMs: number | null;
  /** Sorted, milliseconds. */
  latency: number[];
  /** Nodes that were read in one request, and the number that was refused. */
  mostRead: number;
  readRefused: { count: number; status: string } | null;
  /** The server's clock less this one's, milliseconds. */
  clockOffsetMs: number | null;
  /** Why it ended before everything was tried; empty when it did not. */
  ended: string;
}

/** OPC 10000-6, A.3: ids of the nodes below Server that tell about it. */
const NODE = {
  currentTime: 2258,
  productName: 2261,
  manufacturer: 2263,
  version: 2264,
  minSampling: 2272,
};
const LIMITS: [name: string, id: number][] = [
  ['MaxNodesPerRead', 11705],
  ['MaxNodesPerWrite', 11707],
  ['MaxNodesPerMethodCall', 11709],
  ['MaxNodesPerBrowse', 11710],
  ['MaxNodesPerRegisterNodes', 11711],
  ['MaxNodesPerTranslateBrowsePathsToNodeIds', 11712],
  ['MaxMonitoredItemsPerCall', 11714],
  ['MaxNodesPerHistoryReadData', 12165],
  ['MaxArrayLength', 11702],
  ['MaxStringLength', 11703],
  ['MaxBrowseContinuationPoints', 2735],
  ['MaxSessions', 24095],
  ['MaxSubscriptions', 24096],
  ['MaxMonitoredItems', 24097],
  ['MaxMonitoredItemsPerSubscription', 24104],
  ['MaxMonitoredItemsQueueSize', 31916],
];

const LATENCY_READS = 30;
const PAUSE_MS = 20;
/** Sizes of a request that are tried, one after the other, until one is refused. */
const SIZES = [10, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];

const pause = () => new Promise((resolve) => setTimeout(resolve, PAUSE_MS));

/** @throws when the server cannot be reached at all; one that refuses a session is a result. */
export async function probeOpcUa(
  device: OpcUaDevice,
  context: SecurityContext,
  { progress, signal }: { progress(words: string): void; signal: AbortSignal },
): Promise<ServerProfile> {
  progress(`asking ${device.endpoint} what it offers`);
  const profile: ServerProfile = {
    ...(await offersOf(device, context)),
    noSession: null,
    product: '',
    namespaces: [],
    limits: [],
    minSamplingMs: null,
    grantedSamplingMs: null,
    grantedPublishingMs: null,
    latency: [],
    mostRead: 0,
    readRefused: null,
    clockOffsetMs: null,
    ended: '',
  };
  try {
    await withSession(device, context, async ({ session, namespaces }) => {
      profile.namespaces = namespaces;
      for (const step of [capabilities, latency, sizes, rates]) {
        if (signal.aborted) {
          profile.ended = 'interrupted';
          return;
        }
        await step(session, profile, progress, signal);
      }
    });
  } catch (error) {
    // What was learnt before stands.
    if (profile.namespaces.length === 0) profile.noSession = messageOf(error);
    else profile.ended = messageOf(error);
  }
  return profile;
}

/** What is told to everyone, without a session. */
async function offersOf(
  device: OpcUaDevice,
  context: SecurityContext,
): Promise<Pick<ServerProfile, 'endpoints' | 'certificate'>> {
  const { endpoint, timeoutMs } = device;
  const open: OpcUaDevice = { ...device };
  delete open.security;
  delete open.user;
  const access = new SecureAccess(open, context);
  const client = OPCUAClient.create({
    applicationName: 'Lineside',
    clientName: 'lineside-gateway-probe',
    ...(await access.options(() => {})),
    endpointMustExist: false,
    transportTimeout: timeoutMs,
    defaultTransactionTimeout: timeoutMs,
    connectionStrategy: { maxRetry: 0, initialDelay: 100, maxDelay: 200 },
  });
  try {
    await client.connect(endpoint);
    const offered = await client.getEndpoints();
    const der = offered.find(({ serverCertificate }) => serverCertificate?.length > 0)?.serverCertificate;
    return {
      endpoints: offered
        .map(({ endpointUrl, securityPolicyUri, securityMode, userIdentityTokens, securityLevel }) => ({
          url: endpointUrl ?? '',
          policy: (securityPolicyUri ?? '').replace(/^.*#/, ''),
          mode: MessageSecurityMode[securityMode] ?? '?',
          users: [...new Set((userIdentityTokens ?? []).map(({ tokenType }) => UserTokenType[tokenType] ?? '?'))],
          level: securityLevel,
        }))
        .sort((a, b) => b.level - a.level),
      certificate: der ? certificateOf(Buffer.from(der)) : null,
    };
  } finally {
    await Promise.all([access.close(), client.disconnect().catch(() => {})]);
  }
}

function certificateOf(der: Buffer): ServerProfile['certificate'] {
  try {
    const own: X509Certificate = splitChain(der)[0]!;
    const { thumbprint, subject, validTo } = describe(own);
    return { thumbprint, subject, validTo, bits: own.publicKey.asymmetricKeyDetails?.modulusLength ?? 0 };
  } catch {
    return null;
  }
}

type Step = (
  session: ClientSession,
  profile: ServerProfile,
  progress: (words: string) => void,
  signal: AbortSignal,
) => Promise<void>;

const capabilities: Step = async (session, profile, progress) => {
  progress('reading its capabilities');
  const ids = [NODE.manufacturer, NODE.productName, NODE.version, NODE.minSampling, ...LIMITS.map(([, id]) => id)];
  const values: unknown[] = [];
  // A few at a time: how many it takes is not known yet.
  for (let at = 0; at < ids.length; at += 5) {
    const some = ids.slice(at, at + 5).map((id) => ({ nodeId: `i=${id}`, attributeId: AttributeIds.Value }));
    const read = await session.read(some);
    values.push(...read.map(({ statusCode, value }) => (statusCode.isGood() ? value?.value : null)));
    await pause();
  }
  const [manufacturer, name, version, minSampling, ...limits] = values;
  profile.product = [manufacturer, name, version].filter((one) => typeof one === 'string' && one !== '').join(', ');
  profile.minSamplingMs = typeof minSampling === 'number' ? minSampling : null;
  profile.limits = LIMITS.flatMap(([limit], i) => {
    const value = limits[i];
    return typeof value === 'number' && value > 0 ? [[limit, value] as [string, number]] : [];
  });
};

const latency: Step = async (session, profile, progress, signal) => {
  progress('measuring how long reads take');
  const offsets: [ms: number, offset: number][] = [];
  for (let i = 0; i < LATENCY_READS && !signal.aborted; i++) {
    const before = Date.now();
    const began = performance.now();
    const { value } = await session.read({ nodeId: `i=${NODE.currentTime}`, attributeId: AttributeIds.Value });
    const ms = performance.now() - began;
    profile.latency.push(ms);
    if (value?.value instanceof Date) offsets.push([ms, value.value.getTime() - (before + ms / 2)]);
    await pause();
  }
  profile.latency.sort((a, b) => a - b);
  // The quickest answer leaves the least doubt about when the clock was read.
  const [quickest] = offsets.sort(([a], [b]) => a - b);
  if (quickest) profile.clockOffsetMs = Math.round(quickest[1]);
};

const sizes: Step = async (session, profile, progress, signal) => {
  const stated = profile.limits.find(([name]) => name === 'MaxNodesPerRead')?.[1] ?? Number.POSITIVE_INFINITY;
  const tried = [...SIZES.filter((size) => size < stated), ...(stated <= 10_000 ? [stated] : [])];
  for (const size of tried) {
    if (signal.aborted) return;
    progress(`reading ${size} nodes at once`);
    try {
      const nodes = Array.from({ length: size }, () => ({
        nodeId: `i=${NODE.currentTime}`,
        attributeId: AttributeIds.Value,
      }));
      const values = await session.read(nodes);
      if (values.length !== size) throw new Error(`${values.length} answers`);
      profile.mostRead = size;
    } catch (error) {
      profile.readRefused = { count: size, status: /Bad[A-Za-z]+/.exec(messageOf(error))?.[0] ?? messageOf(error) };
      return;
    }
    await pause();
  }
};

const rates: Step = async (session, profile, progress) => {
  progress('asking for the quickest subscription');
  const subscription = await session.createSubscription2({
    requestedPublishingInterval: 10,
    requestedMaxKeepAliveCount: 100,
    requestedLifetimeCount: 1000,
    maxNotificationsPerPublish: 0,
    publishingEnabled: false,
    priority: 0,
  });
  try {
    profile.grantedPublishingMs = subscription.publishingInterval;
    const raw = session as unknown as {
      createMonitoredItems(request: CreateMonitoredItemsRequest): Promise<{
        results: { statusCode: { isGood(): boolean }; revisedSamplingInterval: number }[] | null;
      }>;
    };
    const { results } = await raw.createMonitoredItems(
      new CreateMonitoredItemsRequest({
        subscriptionId: subscription.subscriptionId,
        timestampsToReturn: TimestampsToReturn.Both,
        itemsToCreate: [
          {
            itemToMonitor: { nodeId: `i=${NODE.currentTime}`, attributeId: AttributeIds.Value },
            monitoringMode: MonitoringMode.Disabled,
            // More than 0, which asks for every change and not for a rate.
            requestedParameters: { clientHandle: 1, samplingInterval: 1, queueSize: 1, discardOldest: true },
          },
        ],
      }),
    );
    if (results?.[0]?.statusCode.isGood()) profile.grantedSamplingMs = results[0].revisedSamplingInterval;
  } finally {
    await subscription.terminate().catch(() => {});
  }
};
