/** Which of a server's own alarms become alarms here, and how urgent they are. */
import { type Static, Type } from 'typebox';
import type { ConfigProblem } from '../driver.ts';
import { parseNodeId } from './node-id.ts';

const closed = { additionalProperties: false };
const Severity = (from: number, word: string) =>
  Type.Integer({ minimum: 1, maximum: 1001, default: from, description: `From this severity on it is ${word}.` });

export const ConditionsConfig = Type.Object(
  {
    enabled: Type.Boolean({ default: true, description: 'false: the alarms of the server are left alone.' }),
    notifier: Type.String({
      default: 'i=2253',
      minLength: 1,
      description:
        'The node whose events are asked for, as in nodeId of a tag. Without it the object Server, which has those of the whole server.',
    }),
    include: Type.Array(Type.String({ minLength: 1, maxLength: 200 }), {
      default: [],
      maxItems: 100,
      description:
        'Only these, as source/name, such as Packer/*; without a / it is the name of the condition. Empty: all.',
    }),
    exclude: Type.Array(Type.String({ minLength: 1, maxLength: 200 }), {
      default: [],
      maxItems: 100,
      description: 'Not these, as source/name, such as */Door*.',
    }),
    minSeverity: Type.Integer({
      minimum: 1,
      maximum: 1000,
      default: 1,
      description: 'Alarms of a lower severity are left out; 1 to 1000.',
    }),
    priorities: Type.Object(
      { medium: Severity(251, 'medium'), high: Severity(501, 'high'), critical: Severity(751, 'critical') },
      {
        ...closed,
        default: {},
        description: 'From which severity on an alarm has which priority; below medium it is low. 1001: never.',
      },
    ),
    queueSize: Type.Integer({
      minimum: 1,
      maximum: 100_000,
      default: 1000,
      description:
        'Events that the server keeps while they cannot be sent, in events. When there were more, all conditions are asked for anew.',
    }),
  },
  { ...closed, description: "The server's own alarms (OPC 10000-9) become alarms here." },
);
export type ConditionsConfig = Static<typeof ConditionsConfig>;

export function checkConditions(
  conditions: ConditionsConfig | undefined,
  mode: string,
  namespaces: Record<string, string> | undefined,
): ConfigProblem[] {
  if (!conditions?.enabled) return [];
  const problems: ConfigProblem[] = [];
  const problem = (message: string) => problems.push({ field: 'conditions', message });
  if (mode === 'poll') {
    problem('conditions come by subscription, which mode poll does without: remove conditions or mode');
  }
  const notifier = parseNodeId(conditions.notifier, namespaces);
  if (typeof notifier === 'string') problem(`notifier: ${notifier}`);
  const { medium, high, critical } = conditions.priorities;
  if (medium > high || high > critical) {
    problem(`priorities: medium (${medium}), high (${high}) and critical (${critical}) must rise in this order`);
  }
  return problems;
}
