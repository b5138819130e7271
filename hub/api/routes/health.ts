/** Whether the hub is alive, and whether it can be given work. Both name what is wrong. */
import { VERSION } from '@lineside/shared/config/version.ts';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { Type } from 'typebox';
import type { ApiServices } from '../services.ts';
import type { Api } from './api.ts';

/** A store that does not answer a small question within this is not there. Milliseconds. */
const STORE_MS = 2_000;
/** Anybody may ask, so an answer is good for as long as this. Milliseconds. */
const GOOD_FOR_MS = 1_000;

const Health = Type.Object({
  status: Type.Enum(['ok', 'failing'], { description: 'failing: alive, and something is wrong' }),
  version: Type.String(),
  faults: Type.Array(Type.String(), { description: 'what is wrong, in words' }),
  notices: Type.Array(Type.String(), {
    description: 'what somebody should see to, such as a backup that is too old',
  }),
});

const Readiness = Type.Object({
  status: Type.Enum(['ready', 'not ready']),
  version: Type.String(),
  missing: Type.Array(Type.String(), { description: 'what it waits for, in words' }),
});

/** What the answers are made of. */
export type HealthServices = Pick<
  ApiServices,
  'faults' | 'faultsBeside' | 'hanging' | 'notices' | 'starting' | 'stores' | 'now'
>;

export function healthRoutes(app: Api, services: HealthServices): void {
  app.get(
    '/health',
    {
      config: { open: true },
      schema: {
        tags: ['health'],
        operationId: 'getHealth',
        summary: 'Whether the hub is alive',
        description:
          '200 while it makes progress, with `faults` where something outside or inside is wrong; 503 when a part of it ' +
          'hangs and only a restart helps. For a supervisor that restarts.',
        response: { 200: Health, 503: Health },
      },
    },
    async (_request, reply) => {
      const faults = [...services.faults(), ...(services.faultsBeside?.() ?? [])];
      const hangs = services.hanging().length > 0;
      const status = faults.length === 0 ? ('ok' as const) : ('failing' as const);
      return reply
        .code(hangs ? 503 : 200)
        .send({ status, version: VERSION, faults, notices: services.notices?.() ?? [] });
    },
  );

  const absent = remembered(() => absentStores(services), services.now);
  app.get(
    '/ready',
    {
      config: { open: true },
      schema: {
        tags: ['health'],
        operationId: 'getReadiness',
        summary: 'Whether the hub can do its work',
        description: '503 until stores and broker are there and while something is wrong. For a load balancer.',
        response: { 200: Readiness, 503: Readiness },
      },
    },
    async (_request, reply) => {
      const found = [...services.starting(), ...(await absent()), ...services.faults()];
      const status = found.length === 0 ? ('ready' as const) : ('not ready' as const);
      return reply.code(found.length === 0 ? 200 : 503).send({ status, version: VERSION, missing: found });
    },
  );
}

async function absentStores({ stores }: HealthServices): Promise<string[]> {
  const asked = Object.entries(stores).map(async ([name, answers]) => {
    try {
      await inTime(answers());
      return [];
    } catch (error) {
      return [`${name} does not answer: ${messageOf(error)}`];
    }
  });
  return (await Promise.all(asked)).flat();
}

async function inTime(answer: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing within ${STORE_MS / 1_000} s`)), STORE_MS);
  });
  try {
    await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The same answer for whoever asks within a second, and one question at a time. */
function remembered<T>(ask: () => Promise<T>, now: () => number): () => Promise<T> {
  let last: { at: number; answer: Promise<T> } | undefined;
  return () => {
    if (!last || now() - last.at >= GOOD_FOR_MS) last = { at: now(), answer: ask() };
    return last.answer;
  };
}
