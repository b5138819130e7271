/** What a probe of an OPC UA server has found: a table for people, and a device to paste into the configuration. */
import type { OpcUaDevice } from './config.ts';
import type { OfferedEndpoint, ServerProfile } from './probe.ts';

/** The safest first. */
const POLICIES = ['Aes256_Sha256_RsaPss', 'Aes128_Sha256_RsaOaep', 'Basic256Sha256'];

/** From here on the server's times mislead, milliseconds. */
const CLOCK_TOLERANCE_MS = 5000;

/** As many as the driver asks for at once where a server says nothing. */
const USUAL_SIZE = 1000;

/** Lines of text. */
export function serverTable(profile: ServerProfile, endpoint: string): string[] {
  const { endpoints, certificate, noSession, product, namespaces, limits, latency, clockOffsetMs, ended } = profile;
  const row = (name: string, text: string) => `  ${name.padEnd(14)}${text}`;
  const lines = [`${endpoint}${product && `: ${product}`}`];
  for (const { policy, mode, users } of endpoints)
    lines.push(row('offers', `${policy} ${mode} for ${users.join(', ')}`));
  if (certificate) {
    const { thumbprint, subject, validTo, bits } = certificate;
    lines.push(
      row(
        'certificate',
        `${thumbprint} (${subject}), ${bits} bits, to ${new Date(validTo).toISOString().slice(0, 10)}`,
      ),
    );
  }
  if (noSession !== null) {
    lines.push(row('no session', noSession));
    return lines;
  }
  namespaces.forEach((uri, index) => {
    lines.push(row(`namespace ${index}`, uri));
  });
  for (const [name, value] of limits) lines.push(row('limit', `${name} ${value}`));
  const refused = profile.readRefused;
  lines.push(
    row(
      'read at once',
      `${profile.mostRead} nodes${refused ? `; ${refused.count} is refused (${refused.status})` : ''}`,
    ),
  );
  if (latency.length > 0) {
    const [p50, p99] = [share(latency, 0.5).toFixed(1), share(latency, 0.99).toFixed(1)];
    lines.push(row('latency', `p50 ${p50} ms, p99 ${p99} ms`));
  }
  if (profile.minSamplingMs !== null) lines.push(row('min sampling', `${profile.minSamplingMs} ms, as it says`));
  if (profile.grantedSamplingMs !== null)
    lines.push(row('sampling', `its clock ${profile.grantedSamplingMs} ms where 1 ms was asked for`));
  if (profile.grantedPublishingMs !== null) {
    lines.push(row('publishing', `${profile.grantedPublishingMs} ms where 10 ms was asked for`));
  }
  if (clockOffsetMs !== null) {
    const way = clockOffsetMs < 0 ? 'behind' : 'ahead of';
    const wrong = Math.abs(clockOffsetMs) >= CLOCK_TOLERANCE_MS ? '; set both by NTP' : '';
    lines.push(row('clock', `${Math.abs(clockOffsetMs)} ms ${way} this machine's${wrong}`));
  }
  if (ended) lines.push(row('ended early', ended));
  return lines;
}

/** @param device with which it was probed: what it says of security and user stands */
export function serverYaml(profile: ServerProfile, id: string, device: OpcUaDevice, at: Date): string {
  const { endpoint, security, user } = device;
  const lines = [
    `# Measured by gateway probe on ${at.toISOString().slice(0, 10)}; gateway browse opcua lists the variables for the tags.`,
    'devices:',
    `  - id: ${id}`,
    '    driver: opcua',
    `    endpoint: ${JSON.stringify(endpoint)}`,
  ];
  const best = safest(profile.endpoints);
  if (security && security.policy !== 'None') lines.push(`    security: ${JSON.stringify(security)}`);
  else if (best) {
    lines.push('    # Trust its certificate once: gateway trust list, then gateway trust add THUMBPRINT.');
    lines.push(`    security: { policy: ${best.policy}, mode: ${best.mode} }`);
  }
  if (user) lines.push(`    user: ${JSON.stringify(user)}`);
  else if (best && !best.users.includes('Anonymous')) {
    lines.push('    # It takes no anonymous sessions there.');
    lines.push(
      best.users.includes('UserName')
        ? '    user: { name: gateway, passwordFile: ./secrets/opcua-password }'
        : '    user: { certFile: ./secrets/user.pem, keyFile: ./secrets/user.key }',
    );
  }
  const { grantedPublishingMs, minSamplingMs, mostRead, readRefused } = profile;
  if (grantedPublishingMs !== null) lines.push(`    publishingMs: ${atLeast(250, grantedPublishingMs)}`);
  if (minSamplingMs !== null) lines.push(`    samplingMs: ${atLeast(250, minSamplingMs)}`);
  if (readRefused && mostRead > 0 && mostRead < USUAL_SIZE) lines.push(`    maxPerRequest: ${mostRead}`);
  lines.push('    tags:', '      - { name: serverTime, nodeId: "i=2258", type: string }');
  return `${lines.join('\n')}\n`;
}

/** The one with the best policy of those that encrypt, else sign; null when there is neither. */
function safest(endpoints: OfferedEndpoint[]): OfferedEndpoint | null {
  for (const mode of ['SignAndEncrypt', 'Sign']) {
    for (const policy of POLICIES) {
      const found = endpoints.find((one) => one.policy === policy && one.mode === mode);
      if (found) return found;
    }
  }
  return null;
}

function atLeast(usual: number, granted: number): number {
  return Math.min(3_600_000, Math.max(usual, Math.ceil(granted)));
}

function share(sorted: number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]!;
}
