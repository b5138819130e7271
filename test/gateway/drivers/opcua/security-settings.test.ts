/** Settings of security and user: what `check` says, and what is refused where only the server shows it. */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EndpointDescription, MessageSecurityMode, SecurityPolicy, UserTokenType } from 'node-opcua-client';
import { Value } from 'typebox/value';
import { describe, expect, test } from 'vitest';
import { checkSecurity } from '../../../../gateway/drivers/opcua/security-check.ts';
import { SecurityConfig, UserConfig } from '../../../../gateway/drivers/opcua/security-config.ts';
import { SecureAccess } from '../../../../gateway/drivers/opcua/security-connect.ts';
import { tempDir } from '../../../services/temp-dir.ts';

interface CheckCase {
  name: string;
  security?: object;
  user?: object;
  problems: { field: string; warning?: boolean; says: string }[];
}

const cases: CheckCase[] = JSON.parse(readFileSync(new URL('testcases/security.json', import.meta.url), 'utf8'));

test.each(cases)('$name', ({ security, user, problems }) => {
  const found = checkSecurity({
    ...(security ? { security: Value.Parse(SecurityConfig, Value.Default(SecurityConfig, security)) } : {}),
    ...(user ? { user: Value.Parse(UserConfig, user) } : {}),
  });
  expect(found.map(({ field, warning }) => ({ field, warning }))).toEqual(
    problems.map(({ field, warning }) => ({ field, warning })),
  );
  problems.forEach(({ says }, i) => {
    expect(found[i]!.message).toContain(says);
  });
});

describe('who the gateway is', () => {
  async function identity(
    mode: 'Sign' | 'SignAndEncrypt',
    tokenPolicies: (SecurityPolicy | null)[],
    user: UserConfig,
  ) {
    const dir = await tempDir();
    await writeFile(join(dir, 'secret'), 'a password\n');
    await writeFile(join(dir, 'nonsense'), 'no key');
    const device = {
      ...{ endpoint: 'opc.tcp://127.0.0.1:1', timeoutMs: 1000, user },
      security: { policy: 'Basic256Sha256', mode, checkHostName: true } as const,
    };
    const access = new SecureAccess(device, {
      ...{ dataDir: dir, now: Date.now, warn: () => {} },
      resolvePath: (path) => join(dir, path),
    });
    const endpoint = new EndpointDescription({
      securityMode: MessageSecurityMode[mode],
      securityPolicyUri: SecurityPolicy.Basic256Sha256,
      userIdentityTokens: tokenPolicies.map((securityPolicyUri) => ({
        ...{ tokenType: UserTokenType.UserName, policyId: 'name', securityPolicyUri },
      })),
    });
    return access.identity(async () => [endpoint]);
  }
  const name = { name: 'line', passwordFile: 'secret' };

  test('a password is given where it is encrypted: by the channel, or by itself', async () => {
    const given = { type: UserTokenType.UserName, userName: 'line', password: 'a password' };
    expect(await identity('SignAndEncrypt', [SecurityPolicy.None], name)).toEqual(given);
    expect(await identity('Sign', [null], name)).toEqual(given);
    expect(await identity('Sign', [SecurityPolicy.Basic256Sha256], name)).toEqual(given);
  });

  test('a password is not given to a server that wants it in the open on a channel that only signs', async () => {
    await expect(identity('Sign', [SecurityPolicy.None, null], name)).rejects.toThrow('set mode SignAndEncrypt');
  });

  test('a user certificate that cannot be used is named by its file', async () => {
    const user = { certFile: 'nonsense', keyFile: 'secret' };
    await expect(identity('Sign', [], user)).rejects.toThrow(/cannot use .*nonsense: /);
    await expect(identity('Sign', [], { ...user, certFile: 'nowhere' })).rejects.toThrow(
      /cannot use .*nowhere: ENOENT/,
    );
  });
});
