/** Every configuration that the project ships is sound: it is what people start from. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ConfigDocument } from '@lineside/shared/config/config-document.ts';
import { validate } from '@lineside/shared/config/validate.ts';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../gateway/config/load-config.ts';
import { HubConfig } from '../../hub/config/schema.ts';
import { loadPlant } from '../../hub/equipment/plant.ts';

const ROOT = resolve(import.meta.dirname, '../..');

describe('the shipped configurations', () => {
  test.each([
    'config/demo/gateway.yaml',
    'config/examples/uns-gateway.yaml',
    'docker/config/gateway.yaml',
    'systemd/gateway.example.yaml',
  ])('%s', (file) => {
    expect(loadConfig(join(ROOT, file)).devices.length).toBeGreaterThan(0);
  });

  test.each([
    'config/demo/hub.yaml',
    'docker/config/hub.yaml',
    'docker/config/hub-servers.yaml',
    'systemd/hub.example.yaml',
  ])('%s', (file) => {
    const document = ConfigDocument.load(join(ROOT, file));
    expect(validate(document, HubConfig).problems).toEqual([]);
  });

  test.each(['config/demo/plant.yaml', 'docker/config/plant.yaml', 'systemd/plant.example.yaml'])('%s', (file) => {
    expect(loadPlant(join(ROOT, file)).nodes.length).toBeGreaterThan(0);
  });

  test('the gateways that the hubs expect are those that are configured', () => {
    for (const [hub, gateway] of [
      ['config/demo/hub.yaml', 'config/demo/gateway.yaml'],
      ['docker/config/hub.yaml', 'docker/config/gateway.yaml'],
      ['docker/config/hub-servers.yaml', 'docker/config/gateway.yaml'],
      ['systemd/hub.example.yaml', 'systemd/gateway.example.yaml'],
    ] as const) {
      const id = loadConfig(join(ROOT, gateway)).gateway.id;
      expect(readFileSync(join(ROOT, hub), 'utf8')).toContain(`id: ${id}`);
    }
  });
});
