import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { ConfigDocument } from '@lineside/shared/config/config-document.ts';
import Schema from 'typebox/schema';
import { describe, expect, test } from 'vitest';
import { schemaFiles } from '../../config/generate-schemas.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const CONFIGS = globSync('{config/demo,docker/config,systemd}/*.yaml', { cwd: ROOT });

describe('schemas for editors', () => {
  test.each([...schemaFiles()])(
    '%s is what the code says; run npm run schemas when this fails',
    async (name, text) => {
      expect(await readFile(join(ROOT, 'config/schemas', name), 'utf8')).toBe(text);
    },
  );

  test('accept every example configuration as it is written, without what has a default', () => {
    expect(CONFIGS.length).toBeGreaterThanOrEqual(5);
    for (const file of CONFIGS) {
      const kind = (['gateway', 'hub', 'plant'] as const).find((name) => basename(file).startsWith(name))!;
      const schema = JSON.parse(schemaFiles().get(`${kind}.schema.json`)!);
      const { value } = ConfigDocument.load(join(ROOT, file), { ...process.env, LINESIDE_VAR: '/var/x' });
      expect([file, Schema.Errors(schema, value)]).toEqual([file, [true, []]]);
    }
  });

  test('refuse a key that is none', () => {
    const schema = JSON.parse(schemaFiles().get('hub.schema.json')!);
    expect(Schema.Check(schema, { plant: 'plant.yaml', htpp: { port: 1 } })).toBe(false);
  });
});
