/** The package node-opcua-client, with a subscription and groups of monitored items, alone in its process. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  AttributeIds,
  ClientMonitoredItemGroup,
  ClientSubscription,
  OPCUAClient,
  StatusCodes,
  TimestampsToReturn,
} from 'node-opcua-client';
import { TEST_NAMESPACE } from '../services/opcua-test-server.ts';
import { type Collecting, followOrders } from './measured-process.ts';
import { countOf, type OpcUaLoad, SUBSCRIPTION } from './opcua-load.ts';

/** Items of one request. */
const GROUP = 1_000;

followOrders(begin);

async function begin({ endpoint, groups }: OpcUaLoad): Promise<Collecting> {
  let values = 0;
  let bad = 0;
  const client = OPCUAClient.create({ endpointMustExist: false, keepSessionAlive: true });
  await client.connect(endpoint);
  const session = await client.createSession();
  const index = (await session.readNamespaceArray()).indexOf(TEST_NAMESPACE);
  const subscription = ClientSubscription.create(session, {
    requestedPublishingInterval: SUBSCRIPTION.publishingMs,
    requestedMaxKeepAliveCount: SUBSCRIPTION.keepAliveCount,
    requestedLifetimeCount: SUBSCRIPTION.lifetimeCount,
    maxNotificationsPerPublish: 0,
    publishingEnabled: true,
    priority: 10,
  });
  await new Promise((resolve) => subscription.once('started', resolve));
  for (const { prefix, items, everyMs } of groups) {
    for (let first = 0; first < items; first += GROUP) {
      const nodes = Array.from({ length: Math.min(GROUP, items - first) }, (_, i) => ({
        nodeId: `ns=${index};s=${prefix}${first + i}`,
        attributeId: AttributeIds.Value,
      }));
      const parameters = { samplingInterval: everyMs, queueSize: SUBSCRIPTION.queueSize, discardOldest: true };
      const group = ClientMonitoredItemGroup.create(subscription, nodes, parameters, TimestampsToReturn.Both);
      group.on('changed', (_item, { statusCode, value, sourceTimestamp }) => {
        values++;
        if (statusCode !== StatusCodes.Good || typeof value.value !== 'number' || !sourceTimestamp) bad++;
      });
      await new Promise((resolve) => group.once('initialized', resolve));
    }
  }
  while (values < countOf(groups)) await sleep(20);
  return {
    count: () => values,
    fault: () => (bad > 0 ? `${bad} values were not Good` : ''),
    async end() {
      await subscription.terminate();
      await session.close();
      await client.disconnect();
    },
  };
}
