/** What the schema of an OPC UA device cannot say. */
import type { ConfigProblem } from '../driver.ts';
import type { OpcUaDevice, OpcUaTag } from './config.ts';
import { parseNodeId } from './node-id.ts';

export function check(device: OpcUaDevice, tags: { name: string; settings: OpcUaTag }[]): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  if (!validEndpoint(device.endpoint)) {
    problems.push({
      field: 'endpoint',
      message: `"${device.endpoint}" is not an address: write opc.tcp://<host>:<port>, such as opc.tcp://plc1:4840`,
    });
  }
  if (device.lifetimeCount < 3 * device.keepAliveCount) {
    problems.push({
      field: 'lifetimeCount',
      message: `lifetimeCount (${device.lifetimeCount}) must be at least three times keepAliveCount (${device.keepAliveCount}): write ${3 * device.keepAliveCount} or more`,
    });
  }
  const keepAliveMs = device.keepAliveCount * device.publishingMs;
  if (device.silenceMs !== undefined && device.silenceMs <= keepAliveMs) {
    problems.push({
      field: 'silenceMs',
      message: `silenceMs (${device.silenceMs}) is not longer than a keep-alive (keepAliveCount × publishingMs = ${keepAliveMs} ms): write ${2 * keepAliveMs} or more, or remove it`,
    });
  }
  if (device.retryMaxMs < device.retryMinMs) {
    problems.push({
      field: 'retryMaxMs',
      message: `retryMaxMs (${device.retryMaxMs}) is less than retryMinMs (${device.retryMinMs}): raise it or lower retryMinMs`,
    });
  }
  const seen = new Map<string, string>();
  tags.forEach(({ name, settings }, tag) => {
    const address = parseNodeId(settings.nodeId, device.namespaces);
    if (typeof address === 'string') {
      problems.push({ tag, field: 'nodeId', message: address });
      return;
    }
    const key = JSON.stringify(address);
    const same = seen.get(key);
    if (same === undefined) seen.set(key, name);
    else {
      problems.push({
        tag,
        field: 'nodeId',
        message: `"${name}" and "${same}" both read ${settings.nodeId}: remove one, or correct its nodeId`,
      });
    }
  });
  return problems;
}

function validEndpoint(endpoint: string): boolean {
  if (!URL.canParse(endpoint)) return false;
  const url = new URL(endpoint);
  return url.protocol === 'opc.tcp:' && url.hostname !== '' && url.username === '' && url.password === '';
}
