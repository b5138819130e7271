import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Ran, ROOT, runTool } from './tools.ts';

let folder: string;
/** A small source tree with the real script and units: the real one takes half a gigabyte of packages. */
let source: string;
/** The file system that it installs into. */
let root: string;

function put(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

function install(...args: string[]): Ran {
  return runTool('sh', [join(source, 'systemd/install.sh'), ...args]);
}

function installed(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lineside-install-'));
  source = join(folder, 'source');
  root = join(folder, 'root');
  mkdirSync(root);
  cpSync(join(ROOT, 'systemd'), join(source, 'systemd'), { recursive: true });
  for (const file of ['package.json', 'package-lock.json', 'LICENSE', 'gateway/package.json', 'hub/package.json']) {
    put(join(source, file), '{}');
  }
  put(join(source, 'shared/package.json'), '{}');
  put(join(source, 'shared/lifecycle/unwind.ts'), 'shared');
  put(join(source, 'gateway/main.ts'), 'gateway 1');
  put(join(source, 'hub/main.ts'), 'hub 1');
  put(join(source, 'hub/web/package.json'), '{}');
  put(join(source, 'hub/web/dist/index.html'), 'web');
  put(join(source, 'hub/web/node_modules/left-out/index.js'), '');
  put(join(source, 'node_modules/.bin/node'), '');
});

afterEach(() => rmSync(folder, { recursive: true }));

describe('systemd/install.sh', () => {
  it('says in a dry run what it would do, and does nothing', () => {
    const prefix = join(folder, 'prefix');
    const { status, output } = install('--gateway', '--prefix', prefix, '--dry-run');
    expect(status, output).toBe(0);
    expect(output).toContain(`--include-workspace-root --workspace gateway`);
    expect(output).toContain('lineside-gateway.service');
    expect(output).toContain('systemctl daemon-reload');
    expect(existsSync(prefix)).toBe(false);
    expect(existsSync(`${prefix}.new`)).toBe(false);
  });

  it('puts the program, its unit with the prefix, and an example configuration in place', () => {
    const { status, output } = install('--hub', '--root', root, '--prefix', '/opt/lineside', '--skip-npm');
    expect(status, output).toBe(0);
    expect(readdirSync(join(root, 'opt'))).toEqual(['lineside']);
    expect(installed('opt/lineside/hub/main.ts')).toBe('hub 1');
    expect(installed('opt/lineside/hub/web/dist/index.html')).toBe('web');
    expect(existsSync(join(root, 'opt/lineside/hub/web/node_modules'))).toBe(false);
    expect(existsSync(join(root, 'opt/lineside/node_modules/.bin/node'))).toBe(true);
    expect(installed('etc/systemd/system/lineside-hub.service')).toContain(
      'ExecStart=/opt/lineside/node_modules/.bin/node /opt/lineside/hub/main.ts run',
    );
    expect(installed('etc/lineside/hub.yaml')).toContain('dataDir: /var/lib/lineside/hub');
    expect(installed('etc/lineside/plant.yaml')).toContain('shifts:');
    expect(statSync(join(root, 'etc/lineside/hub.yaml')).mode & 0o777).toBe(0o644);
    expect(output).toContain('systemctl enable --now lineside-hub.service');
  });

  it('upgrades on a second run, drops files that are gone, and keeps the configuration', () => {
    put(join(source, 'gateway/old.ts'), 'gone in version 2');
    install('--gateway', '--root', root, '--skip-npm');
    put(join(root, 'etc/lineside/gateway.yaml'), 'mine');
    put(join(source, 'gateway/main.ts'), 'gateway 2');
    rmSync(join(source, 'gateway/old.ts'));
    const { status, output } = install('--gateway', '--root', root, '--skip-npm');
    expect(status, output).toBe(0);
    expect(installed('usr/lib/lineside/gateway/main.ts')).toBe('gateway 2');
    expect(existsSync(join(root, 'usr/lib/lineside/gateway/old.ts'))).toBe(false);
    expect(installed('etc/lineside/gateway.yaml')).toBe('mine');
    expect(output).toContain('kept: ');
  });

  it('keeps both programs of one machine when one is installed or removed', () => {
    install('--gateway', '--root', root, '--skip-npm');
    install('--hub', '--root', root, '--skip-npm');
    expect(installed('usr/lib/lineside/gateway/main.ts')).toBe('gateway 1');
    expect(installed('usr/lib/lineside/hub/main.ts')).toBe('hub 1');

    const removed = install('--gateway', '--uninstall', '--root', root);
    expect(removed.status, removed.output).toBe(0);
    expect(existsSync(join(root, 'usr/lib/lineside/gateway'))).toBe(false);
    expect(existsSync(join(root, 'etc/systemd/system/lineside-gateway.service'))).toBe(false);
    expect(installed('usr/lib/lineside/hub/main.ts')).toBe('hub 1');

    install('--hub', '--uninstall', '--root', root);
    expect(existsSync(join(root, 'usr/lib/lineside'))).toBe(false);
    expect(existsSync(join(root, 'etc/lineside/hub.yaml'))).toBe(true);
  });

  it('leaves the installed version alone when the packages cannot be fetched', () => {
    install('--gateway', '--root', root, '--skip-npm');
    put(join(source, 'gateway/main.ts'), 'gateway 2');
    const bin = join(folder, 'bin');
    put(join(bin, 'npm'), '#!/bin/sh\necho "no network" >&2\nexit 1\n');
    const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` };
    runTool('chmod', ['+x', join(bin, 'npm')]);
    const { status, output } = runTool('sh', [join(source, 'systemd/install.sh'), '--gateway', '--root', root], env);
    expect(status, output).toBe(1);
    expect(installed('usr/lib/lineside/gateway/main.ts')).toBe('gateway 1');
  });

  it.each([
    [[], 'say which program'],
    [['--gateway', '--hub'], 'one at a time'],
    [['--gateway', '--prefix', 'lineside'], 'absolute path'],
    [['--gateway', '--prefix', '/usr/'], "not a folder of Lineside's own"],
    [['--gateway', '--prefix', '/opt/a b'], 'characters'],
    [['--gateway', '--force'], "unknown argument '--force'"],
  ])('refuses %j and says why', (args, reason) => {
    const { status, output } = install(...args);
    expect(status).toBe(1);
    expect(output).toContain(reason);
  });

  it('asks for the web app before it installs a hub without one', () => {
    rmSync(join(source, 'hub/web/dist'), { recursive: true });
    const { status, output } = install('--hub', '--root', root, '--skip-npm');
    expect(status).toBe(1);
    expect(output).toContain('npm run build -w hub/web');
    expect(existsSync(join(root, 'usr/lib/lineside'))).toBe(false);
  });
});
