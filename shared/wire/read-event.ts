/** Reads the events of a batch. */
import { Value } from 'typebox/value';
import { type AnyEvent, GATEWAY_EVENTS, type GatewayEvent } from '../contracts/event.ts';
import { LinesideError } from '../errors/lineside-error.ts';

/** @throws LinesideError BATCH_MALFORMED. A kind that is not known here is kept as it came. */
export function readEvent(text: string): AnyEvent {
  const event = parse(text);
  const { kind, at } = event;
  if (typeof kind !== 'string' || typeof at !== 'number' || !(Math.abs(at) <= 8.64e15)) {
    throw malformed('an event without kind or time');
  }
  if (!Object.hasOwn(GATEWAY_EVENTS, kind)) return { kind: 'other', at: Math.round(at), body: event };
  const schema = GATEWAY_EVENTS[kind as GatewayEvent['kind']];
  if (Value.Check(schema, event)) return { ...event, at: Math.round(at) };
  const [problem] = Value.Errors(schema, event);
  throw malformed(`an event of kind ${kind}: ${problem?.instancePath ?? ''} ${problem?.message ?? ''}`);
}

function parse(text: string): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new LinesideError('BATCH_MALFORMED', 'peer', 'malformed batch: an event is not JSON', { cause });
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw malformed('an event is no object');
  return parsed as Record<string, unknown>;
}

function malformed(what: string): LinesideError {
  return new LinesideError('BATCH_MALFORMED', 'peer', `malformed batch: ${what}`);
}
