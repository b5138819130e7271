/** `npm run schemas`: writes the JSON Schemas that give editors completion and checks. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { editorSchema } from './schema.ts';

const dir = fileURLToPath(new URL('../../config/schemas/', import.meta.url));

/** The text of the gateway's schema file. */
export function gatewaySchemaText(): string {
  return `${JSON.stringify({ $schema: 'https://json-schema.org/draft/2020-12/schema', ...editorSchema() }, null, 2)}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(dir, { recursive: true });
  writeFileSync(`${dir}gateway.schema.json`, gatewaySchemaText());
}
