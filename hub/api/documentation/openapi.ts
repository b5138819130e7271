/** The OpenAPI 3.1 document, made from the routes' own schemas. */
import swagger from '@fastify/swagger';
import { VERSION } from '@lineside/shared/config/version.ts';
import type { FastifyInstance } from 'fastify';
import { addAnswers } from './answers.ts';
import { finishDocument } from './finish.ts';

const INTRODUCTION = [
  'What the hub knows of a plant, for programs: equipment, tags and their values, OEE, alarms, gateways.',
  'A browser signs in with POST /api/v1/login and keeps a cookie; a program sends an API key or a short-lived token.',
  'Lists come in pages of { items, next }; errors are application/problem+json with a code of the list at /docs/problems;',
  'a write with an Idempotency-Key is done once, however often it is sent.',
].join(' ');

const TAGS = [
  { name: 'session', description: 'Signing in and out, and who is signed in.' },
  { name: 'plant', description: 'Equipment (ISA-95), machines now, OEE (ISO 22400-2) and completeness of the data.' },
  { name: 'tags', description: 'Tags: what they are, their last values and their past.' },
  { name: 'writes', description: 'Setting tags, and who did.' },
  { name: 'alarms', description: 'Alarms (ISA-18.2): those that are not normal, those that were, acknowledging.' },
  { name: 'gateways', description: 'The gateways at the machines.' },
  { name: 'integrators', description: 'Who hears the plant’s topics over MQTT.' },
  { name: 'users', description: 'Users: their roles, their sites, their passwords. For administrators.' },
  { name: 'keys', description: 'API keys of programs, with scopes. For administrators.' },
  { name: 'audit', description: 'Who changed what, when and from where.' },
  { name: 'health', description: 'Whether the hub is alive and ready.' },
];

const SCHEMES = {
  session: {
    type: 'apiKey',
    in: 'cookie',
    name: 'lineside_session',
    description: 'The cookie that POST /api/v1/login sets.',
  },
  bearer: {
    type: 'http',
    scheme: 'bearer',
    description: 'An API key, or the token that a client has got by signing in.',
  },
} as const;

export async function addOpenApi(app: FastifyInstance): Promise<void> {
  addAnswers(app);
  await app.register(swagger, {
    convertConstToEnum: false,
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Lineside hub',
        version: VERSION,
        description: INTRODUCTION,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      externalDocs: { url: '/docs/problems', description: 'Every problem, with what it means' },
      servers: [{ url: '/' }],
      tags: TAGS,
      components: { securitySchemes: SCHEMES },
      security: [{ session: [] }, { bearer: [] }],
    },
    transformObject: (made) => ('openapiObject' in made ? finishDocument(made.openapiObject) : made.swaggerObject),
  });
  app.get('/api/openapi.json', { config: { open: true }, schema: { hide: true } }, () => app.swagger());
}
