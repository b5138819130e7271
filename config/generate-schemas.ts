/**
 * `npm run schemas`: writes the JSON Schemas that give editors completion and checks of the YAML files, and the
 * AsyncAPI documents of the topics and of the live socket.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { editorSchema } from '@lineside/gateway/config/schema.ts';
import { liveAsyncapi } from '@lineside/hub/api/documentation/asyncapi.ts';
import { HubConfig } from '@lineside/hub/config/schema.ts';
import { PlantConfig } from '@lineside/hub/equipment/plant-config.ts';
import { stringify } from 'yaml';
import { asyncapi } from './generate-asyncapi.ts';

const DIR = fileURLToPath(new URL('schemas/', import.meta.url));
const DIALECT = 'https://json-schema.org/draft/2020-12/schema';

/** The text of each schema file by its name. */
export function schemaFiles(): Map<string, string> {
  const schemas = { gateway: editorSchema(), hub: HubConfig, plant: PlantConfig };
  return new Map(
    Object.entries(schemas).map(([name, schema]) => [
      `${name}.schema.json`,
      `${JSON.stringify({ $schema: DIALECT, ...(asWritten(schema) as object) }, null, 2)}\n`,
    ]),
  );
}

/** The schemas speak of a configuration with its defaults filled in; in the file what has a default may be left out. */
function asWritten(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(asWritten);
  if (typeof schema !== 'object' || schema === null) return schema;
  const copy = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, asWritten(value)]));
  const properties = copy.properties as Record<string, { default?: unknown }> | undefined;
  if (!Array.isArray(copy.required) || !properties) return copy;
  const required = copy.required.filter((name: string) => properties[name]?.default === undefined);
  if (required.length > 0) copy.required = required;
  else delete copy.required;
  return copy;
}

/** The document of the live socket as text. */
export function liveAsyncapiYaml(): string {
  const head =
    '# Made by `npm run schemas` of shared/contracts/live.ts and hub/api/documentation/asyncapi.ts; changes belong there.\n';
  return head + stringify(liveAsyncapi(), { lineWidth: 118, aliasDuplicateObjects: false });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(DIR, { recursive: true });
  for (const [name, text] of schemaFiles()) writeFileSync(`${DIR}${name}`, text);
  const documents = { 'asyncapi.yaml': asyncapi(), 'asyncapi-live.yaml': liveAsyncapiYaml() };
  for (const [name, text] of Object.entries(documents)) {
    writeFileSync(fileURLToPath(new URL(`../docs/${name}`, import.meta.url)), text);
  }
}
