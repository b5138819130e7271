import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasTool, ROOT, runTool } from './tools.ts';

/** Exposure by `systemd-analyze security`, 0 to 10; 2 and below is its best grade. */
const MAX_EXPOSURE = 1.9;

type Part = 'gateway' | 'hub';
const PARTS: Part[] = ['gateway', 'hub'];

function unitOf(part: Part): string {
  return readFileSync(join(ROOT, `systemd/lineside-${part}.service`), 'utf8');
}

/** All values of a setting, in order. */
function settings(part: Part, key: string): string[] {
  return [...unitOf(part).matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map((match) => match[1] as string);
}

const FLAGS: Record<string, string> = { gateway: '--max-semi-space-size=4 ', hub: '' };

describe.each(PARTS)('lineside-%s.service', (part) => {
  it('starts the pinned Node with the program and its configuration', () => {
    expect(settings(part, 'ExecStart')).toEqual([
      `/usr/lib/lineside/node_modules/.bin/node ${FLAGS[part]}/usr/lib/lineside/${part}/main.ts run --config /etc/lineside/${part}.yaml`,
    ]);
  });

  it('is watched by what the program itself says, and never given up', () => {
    expect(settings(part, 'Type')).toEqual(['notify']);
    expect(settings(part, 'NotifyAccess')).toEqual(['main']);
    expect(Number(settings(part, 'WatchdogSec')[0])).toBeGreaterThan(0);
    expect(settings(part, 'Restart')).toEqual(['always']);
    expect(settings(part, 'StartLimitIntervalSec')).toEqual(['0']);
    expect(settings(part, 'TimeoutStopSec')).toEqual(['15']);
  });

  it('knows no setting that is newer than the systemd 252 of Debian 12', () => {
    expect(unitOf(part)).not.toMatch(
      /^(RestartSteps|RestartMaxDelaySec|RestartMode|MemoryZSwap\w*|ImportCredential)=/m,
    );
  });

  it('lets V8 compile', () => {
    expect(settings(part, 'MemoryDenyWriteExecute')).toEqual([]);
  });

  it('runs as a user of its own that sysusers makes', () => {
    const [user] = settings(part, 'User');
    expect(readFileSync(join(ROOT, 'systemd/lineside.sysusers'), 'utf8')).toMatch(new RegExp(`^u ${user} `, 'm'));
  });

  it('reads secrets from a folder that tmpfiles makes, so that a missing one is the program’s to explain', () => {
    const folder = settings(part, 'LoadCredential')[0]?.split(':')[1];
    expect(readFileSync(join(ROOT, 'systemd/lineside.tmpfiles'), 'utf8')).toContain(`d ${folder} `);
  });
});

it('the gateway takes over a changed configuration by "systemctl reload"', () => {
  expect(settings('gateway', 'ExecReload')).toEqual(['/bin/kill -HUP $MAINPID']);
});

it('the gateway reaches serial ports and no other device', () => {
  expect(settings('gateway', 'PrivateDevices')).toEqual([]);
  expect(settings('gateway', 'DevicePolicy')).toEqual(['closed']);
  expect(settings('gateway', 'DeviceAllow')).toEqual(['char-ttyS rw', 'char-ttyUSB rw', 'char-ttyACM rw']);
  expect(settings('gateway', 'SupplementaryGroups')).toEqual(['dialout']);
});

describe.skipIf(!hasTool('systemd-analyze'))('systemd-analyze', () => {
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'lineside-units-'));
    for (const part of PARTS) {
      // The program that a unit names has to exist for `verify`; here it is the Node that runs the test.
      const unit = unitOf(part).replace(
        'ExecStart=/usr/lib/lineside/node_modules/.bin/node',
        `ExecStart=${process.execPath}`,
      );
      writeFileSync(join(folder, `lineside-${part}.service`), unit);
    }
  });

  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(PARTS)('verify has nothing to say about lineside-%s', (part) => {
    const unit = join(folder, `lineside-${part}.service`);
    expect(runTool('systemd-analyze', ['verify', '--man=no', unit])).toEqual({ status: 0, output: '' });
  });

  it.each(PARTS)(`security rates lineside-%s at ${MAX_EXPOSURE} or better`, (part) => {
    const unit = join(folder, `lineside-${part}.service`);
    const { output } = runTool('systemd-analyze', ['security', '--offline=true', '--no-pager', unit]);
    const exposure = /exposure level for .*: ([\d.]+) /.exec(output)?.[1];
    expect(Number(exposure), output).toBeLessThanOrEqual(MAX_EXPOSURE);
  });
});

describe.skipIf(!hasTool('systemd-sysusers') || !hasTool('systemd-tmpfiles') || process.getuid?.() !== 0)(
  'systemd-sysusers and systemd-tmpfiles',
  () => {
    it('make the users and the folders in an empty system', () => {
      const root = mkdtempSync(join(tmpdir(), 'lineside-root-'));
      try {
        mkdirSync(join(root, 'etc'));
        const users = runTool('systemd-sysusers', [`--root=${root}`, join(ROOT, 'systemd/lineside.sysusers')]);
        expect(users.status, users.output).toBe(0);
        expect(readFileSync(join(root, 'etc/passwd'), 'utf8')).toMatch(/^lineside-gateway:.*^lineside-hub:/ms);
        expect(readFileSync(join(root, 'etc/group'), 'utf8')).toMatch(/^dialout:x:\d+:lineside-gateway$/m);
        const made = runTool('systemd-tmpfiles', [
          `--root=${root}`,
          '--create',
          join(ROOT, 'systemd/lineside.tmpfiles'),
        ]);
        expect(made.status, made.output).toBe(0);
      } finally {
        rmSync(root, { recursive: true });
      }
    });
  },
);
