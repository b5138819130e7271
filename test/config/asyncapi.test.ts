import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import Schema from 'typebox/schema';
import { Value } from 'typebox/value';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { asyncapi, TOPICS } from '../../config/generate-asyncapi.ts';
import { liveAsyncapiYaml } from '../../config/generate-schemas.ts';
import { MESSAGES } from '../../hub/api/documentation/asyncapi.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const require = createRequire(import.meta.url);

describe.each([
  ['asyncapi.yaml', asyncapi()],
  ['asyncapi-live.yaml', liveAsyncapiYaml()],
])('the AsyncAPI document %s', (name, text) => {
  test('is what the code says; run npm run schemas when this fails', async () => {
    expect(await readFile(join(ROOT, 'docs', name), 'utf8')).toBe(text);
  });

  test('keeps to the schema of AsyncAPI 3', () => {
    const schema = require('@asyncapi/specs/schemas/3.0.0-without-$id.json');
    const document = parse(text);
    expect(Schema.Errors(schema, document)).toEqual([true, []]);
    // The schema is really asked.
    expect(Schema.Check(schema, { ...document, operations: { x: { action: 'shout' } } })).toBe(false);
  });

  test('has no reference to nothing', () => {
    const document = parse(text);
    const found = [...text.matchAll(/\$ref: "?(#\/[^"\s]+)/g)].map(([, to]) => to!);
    expect(found.length).toBeGreaterThan(20);
    for (const to of found) {
      const there = to
        .slice(2)
        .split('/')
        .reduce((at, step) => at?.[step], document);
      expect(there, to).toBeDefined();
    }
  });
});

describe('of the topics', () => {
  test.each(TOPICS)(
    '$id: its examples fit its schema, and docs/mqtt.md tells of it',
    async ({ address, schema, examples }) => {
      for (const { payload } of examples) expect([...Value.Errors(schema, payload)]).toEqual([]);
      expect(await readFile(join(ROOT, 'docs/mqtt.md'), 'utf8')).toContain(address);
    },
  );
});

describe('of the live socket', () => {
  test.each(MESSAGES)(
    '$id: its example fits its schema, and docs/live.md tells of it',
    async ({ id, schema, example }) => {
      expect([...Value.Errors(schema, example)]).toEqual([]);
      expect(await readFile(join(ROOT, 'docs/live.md'), 'utf8')).toContain(`\`${id}\``);
    },
  );
});
