/** What the schema of an OPC UA device cannot say. */
import type { ConfigProblem } from '../driver.ts';
import { addressField, addressText, parseAddress } from './address.ts';
import { checkWritable } from './check-writable.ts';
import { checkConditions } from './conditions-config.ts';
import type { OpcUaDevice, OpcUaTag } from './config.ts';
import { PROFILES } from './profiles.ts';
import { checkSecurity } from './security-check.ts';

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
  problems.push(...beyondProfile(device, tags), ...checkSecurity(device), ...checkWritable(device, tags));
  problems.push(...checkConditions(device.conditions, device.mode, device.namespaces));
  const seen = new Map<string, string>();
  tags.forEach(({ name, settings }, tag) => {
    const field = addressField(settings);
    const address = parseAddress(settings, device.namespaces);
    if (typeof address === 'string') {
      problems.push({ tag, field, message: address });
      return;
    }
    const key = JSON.stringify(address);
    const same = seen.get(key);
    if (same === undefined) seen.set(key, name);
    else {
      problems.push({
        tag,
        field,
        message: `"${name}" and "${same}" both read ${addressText(settings)}: remove one, or correct its ${field}`,
      });
    }
    const idle = device.mode === 'poll' ? SUBSCRIPTION_ONLY.find((key) => settings[key] !== undefined) : undefined;
    if (idle) {
      problems.push({
        tag,
        field: idle,
        message: `${idle} has no effect with mode poll, where every value is read every pollMs: remove it`,
      });
    }
  });
  return problems;
}

/** Settings of a tag that speak of its subscription. */
const SUBSCRIPTION_ONLY = ['samplingMs', 'queueSize', 'discardOldest', 'serverDeadband'] as const;

function beyondProfile(device: OpcUaDevice, tags: { settings: OpcUaTag }[]): ConfigProblem[] {
  if (device.profile === undefined) return [];
  const { maxTags, minSamplingMs, minPublishingMs } = PROFILES[device.profile];
  const name = `profile ${device.profile}`;
  const problems: ConfigProblem[] = [];
  if (tags.length > maxTags) {
    const message = `${name}: ${tags.length} tags are more than its server serves (${maxTags}): remove some`;
    problems.push({ field: 'tags', message });
  }
  if (device.mode === 'poll') return problems;
  const tooFast = (field: string, value: number, least: number, tag?: number) => {
    const message = `${name}: ${field} (${value}) is faster than its server can: write ${least} or more`;
    if (value < least) problems.push({ ...(tag === undefined ? {} : { tag }), field, message });
  };
  tooFast('publishingMs', device.publishingMs, minPublishingMs);
  tooFast('samplingMs', device.samplingMs, minSamplingMs);
  tags.forEach(({ settings }, tag) => {
    if (settings.samplingMs !== undefined) tooFast('samplingMs', settings.samplingMs, minSamplingMs, tag);
  });
  return problems;
}

function validEndpoint(endpoint: string): boolean {
  if (!URL.canParse(endpoint)) return false;
  const url = new URL(endpoint);
  return url.protocol === 'opc.tcp:' && url.hostname !== '' && url.username === '' && url.password === '';
}
