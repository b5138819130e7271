import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import Schema from 'typebox/schema';
import { Value } from 'typebox/value';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { asyncapi, TOPICS } from '../../config/generate-asyncapi.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const require = createRequire(import.meta.url);

describe('the AsyncAPI document', () => {
  test('is what the code says; run npm run schemas when this fails', async () => {
    expect(await readFile(join(ROOT, 'docs/asyncapi.yaml'), 'utf8')).toBe(asyncapi());
  });

  test('keeps to the schema of AsyncAPI 3', () => {
    const schema = require('@asyncapi/specs/schemas/3.0.0-without-$id.json');
    const document = parse(asyncapi());
    expect(Schema.Errors(schema, document)).toEqual([true, []]);
    // The schema is really asked.
    expect(Schema.Check(schema, { ...document, operations: { x: { action: 'shout' } } })).toBe(false);
  });

  test('has no reference to nothing', () => {
    const document = parse(asyncapi());
    const found = [...asyncapi().matchAll(/\$ref: "?(#\/[^"\s]+)/g)].map(([, to]) => to!);
    expect(found.length).toBeGreaterThan(20);
    for (const to of found) {
      const there = to
        .slice(2)
        .split('/')
        .reduce((at, step) => at?.[step], document);
      expect(there, to).toBeDefined();
    }
  });

  test.each(TOPICS)(
    '$id: its examples fit its schema, and docs/mqtt.md tells of it',
    async ({ address, schema, examples }) => {
      for (const { payload } of examples) expect([...Value.Errors(schema, payload)]).toEqual([]);
      expect(await readFile(join(ROOT, 'docs/mqtt.md'), 'utf8')).toContain(address);
    },
  );
});
