import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadHubConfig } from '../../hub/config/load-config.ts';
import { ROOT, runTool } from './tools.ts';

interface Service {
  image: string;
  build?: { context: string; dockerfile: string };
  profiles?: string[];
  user?: string;
  privileged?: boolean;
  network_mode?: string;
  read_only?: boolean;
  cap_drop?: string[];
  cap_add?: string[];
  security_opt?: string[];
  restart?: string;
  healthcheck?: { test: string[]; interval: string; timeout: string };
  mem_limit?: string;
  cpus?: number;
  pids_limit?: number;
  environment?: Record<string, string>;
  ports?: string[];
  volumes?: string[];
  command?: string[];
  networks?: string[];
  secrets?: string[];
  depends_on?: Record<string, { condition: string }>;
  logging?: { options: Record<string, string> };
}

interface Compose {
  services: Record<string, Service>;
  networks: Record<string, { internal?: boolean }>;
  volumes: Record<string, unknown>;
  secrets: Record<string, { file: string }>;
}

const FOLDER = join(ROOT, 'docker');
const text = readFileSync(join(FOLDER, 'compose.yaml'), 'utf8');
const compose: Compose = parse(text, { merge: true });
const services = Object.entries(compose.services);

describe('docker/make-secrets.sh', () => {
  let folder: string;

  beforeAll(() => {
    folder = join(mkdtempSync(join(tmpdir(), 'lineside-secrets-')), 'secrets');
  });

  afterAll(() => rmSync(resolve(folder, '..'), { recursive: true }));

  const make = () => runTool('sh', [join(FOLDER, 'make-secrets.sh'), folder]);
  const read = () => readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')] as const);

  it('makes exactly the secrets that the compose file names, each random and its own', () => {
    expect(make().status).toBe(0);
    const made = read();
    expect(made.map(([name]) => name).sort()).toEqual(Object.keys(compose.secrets).sort());
    for (const [, secret] of made) expect(secret).toMatch(/^[0-9a-f]{64}$/);
    expect(new Set(made.map(([, secret]) => secret)).size).toBe(made.length);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });

  it('keeps what is there', () => {
    const before = read();
    expect(make().output).not.toContain('made:');
    expect(read()).toEqual(before);
  });
});

describe('docker/compose.yaml', () => {
  it('takes secrets from files that are never committed', () => {
    for (const [name, { file }] of Object.entries(compose.secrets)) expect(file).toBe(`./secrets/${name}`);
    const ignored = spawnSync('git', ['check-ignore', '--quiet', 'docker/secrets/any-password'], { cwd: ROOT });
    expect(ignored.status).toBe(0);
  });

  it('runs hub and gateway by default, and servers only on request', () => {
    const byDefault = services.filter(([, service]) => !service.profiles).map(([name]) => name);
    expect(byDefault.sort()).toEqual(['gateway', 'hub']);
    for (const name of byDefault) {
      for (const other of Object.keys(compose.services[name]?.depends_on ?? {})) expect(byDefault).toContain(other);
    }
  });

  it('gives the hub the secrets of each configuration that it may be started with', () => {
    const { secrets, volumes, command } = compose.services.hub!;
    expect(volumes).toContain('./config:/etc/lineside:ro');
    expect(command?.at(-1)).toMatch(/^\/etc\/lineside\/\$\{LINESIDE_HUB_CONFIG:-hub\.yaml\}$/);
    for (const file of ['hub.yaml', 'hub-servers.yaml']) {
      const { relational, mqtt } = loadHubConfig(join(FOLDER, 'config', file));
      expect([relational?.url, mqtt.broker?.url].filter(Boolean)).toHaveLength(file === 'hub.yaml' ? 0 : 2);
      const text = readFileSync(join(FOLDER, 'config', file), 'utf8');
      for (const [, name] of text.matchAll(/\/run\/secrets\/([\w-]+)/g)) expect(secrets, file).toContain(name);
    }
  });

  it('keeps the stores off every network that leads out', () => {
    expect(compose.networks.stores?.internal).toBe(true);
    for (const name of ['postgres', 'influxdb']) {
      expect(compose.services[name]?.networks).toEqual(['stores']);
      expect(compose.services[name]?.ports).toBeUndefined();
    }
  });

  it('uses every network, volume and secret that it declares', () => {
    const used = services.flatMap(([, s]) => [...(s.networks ?? []), ...(s.secrets ?? []), ...(s.volumes ?? [])]);
    for (const kind of [compose.networks, compose.volumes, compose.secrets]) {
      for (const name of Object.keys(kind)) {
        expect(
          used.some((use) => use.split(':')[0] === name),
          name,
        ).toBe(true);
      }
    }
  });

  describe.each(services)('%s', (_, service) => {
    it('is pinned, restarts, reports its health, and has limits', () => {
      const tag = service.image.split(':')[1];
      expect(tag, service.image).toMatch(/^\d+\.\d+/);
      expect(service.restart).toBe('unless-stopped');
      expect(service.healthcheck?.test[0]).toMatch(/^CMD/);
      expect(service.healthcheck?.timeout).toBeTruthy();
      expect(service.mem_limit).toBeTruthy();
      expect(service.cpus).toBeGreaterThan(0);
      expect(service.pids_limit).toBeGreaterThan(0);
      expect(service.logging?.options['max-size']).toBeTruthy();
    });

    it('has no more rights than it needs', () => {
      expect(service.privileged).toBeUndefined();
      expect(service.network_mode).toBeUndefined();
      expect(service.cap_add).toBeUndefined();
      expect(service.cap_drop).toEqual(['ALL']);
      expect(service.security_opt).toContain('no-new-privileges:true');
      expect(service.read_only).toBe(true);
      expect(service.user ?? '').not.toMatch(/^(0|root)\b/);
    });

    it('publishes only on the loopback address unless told otherwise', () => {
      for (const port of service.ports ?? [])
        expect(port).toMatch(/^(127\.0\.0\.1|\$\{\w+:-127\.0\.0\.1\}):\d+:\d+$/);
    });

    it('has no password in its environment', () => {
      for (const [name, value] of Object.entries(service.environment ?? {})) {
        if (/password|secret|token/i.test(name)) expect(value, name).toMatch(/^\/run\/secrets\//);
      }
    });

    it('refers only to files, services and secrets that exist', () => {
      for (const volume of service.volumes ?? []) {
        const [source = '', , mode] = volume.split(':');
        if (!source.startsWith('.')) continue;
        expect(existsSync(join(FOLDER, source)), source).toBe(true);
        expect(mode, volume).toBe('ro');
      }
      for (const secret of service.secrets ?? []) expect(compose.secrets).toHaveProperty([secret]);
      for (const other of Object.keys(service.depends_on ?? {})) expect(compose.services).toHaveProperty([other]);
      for (const network of service.networks ?? []) expect(compose.networks).toHaveProperty([network]);
      if (service.build) {
        const context = join(FOLDER, service.build.context);
        expect(existsSync(join(context, service.build.dockerfile))).toBe(true);
      }
    });

    it('is given every secret that its files read', () => {
      const files = (service.volumes ?? [])
        .map((volume) => volume.split(':')[0] as string)
        .filter((source) => source.startsWith('.') && statSync(join(FOLDER, source)).isFile())
        .map((source) => readFileSync(join(FOLDER, source), 'utf8'));
      const reads = [...[JSON.stringify(service), ...files].join('\n').matchAll(/\/run\/secrets\/([\w-]+)/g)];
      for (const [path, name] of reads) {
        // A pattern such as gateway-*-password matches no single name.
        if (basename(path) === name && !name.endsWith('-')) expect(service.secrets, path).toContain(name);
      }
    });
  });
});
