/** Alarms: those that are not normal, those that were, and acknowledging. */
import { ALARM_PRIORITIES } from '@lineside/shared/contracts/alarm.ts';
import { AcknowledgeBody, AlarmDetail, AlarmView, Problem } from '@lineside/shared/contracts/api.ts';
import { pageOf, pageQuery } from '@lineside/shared/contracts/page.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { Type } from 'typebox';
import { devicesWithin, type Identity, reaches, within } from '../../../auth/identity.ts';
import { isAtOrBelow } from '../../../equipment/path.ts';
import { compareKeys, pageOfSorted } from '../../../store/page.ts';
import type { ApiServices } from '../../services.ts';
import type { Api } from '../api.ts';
import { NameFilter, pathFilter } from '../filters.ts';

const Filter = pageQuery(['-raisedAt'], {
  active: Type.Optional(Type.Boolean({ description: 'true: those that are not normal; false: those that are' })),
  state: Type.Optional(Type.Enum(['normal', 'unacknowledged', 'acknowledged', 'returned'])),
  priority: Type.Optional(Type.Enum([...ALARM_PRIORITIES])),
  gateway: NameFilter,
  device: NameFilter,
  rule: NameFilter,
  machine: pathFilter('path of the machine'),
  under: pathFilter('path of equipment: alarms of the machines at or below it'),
  from: Type.Optional(Type.Integer({ minimum: 0, description: 'raised at or after; milliseconds since 1970 UTC' })),
  to: Type.Optional(Type.Integer({ minimum: 0, description: 'raised before; milliseconds since 1970 UTC' })),
});

const Occurrence = Type.Object({ occurrence: Type.String({ minLength: 1, maxLength: 100 }) });

export function alarmRoutes(app: Api, { alarms, machines }: ApiServices): void {
  /** The devices that are meant; undefined when all are. */
  const devicesOf = (identity: Identity, machine: string | undefined, under: string | undefined) => {
    if (machine === undefined && under === undefined) return devicesWithin(identity, machines);
    return within(identity, machines, ({ path }) => path).filter(
      ({ path }) => (machine === undefined || path === machine) && (under === undefined || isAtOrBelow(path, under)),
    );
  };

  app.get(
    '/alarms',
    {
      config: { permission: 'alarms.read' },
      schema: {
        tags: ['alarms'],
        operationId: 'listAlarms',
        summary: 'All alarms, newest first',
        querystring: Filter,
        response: { 200: pageOf(AlarmView) },
      },
    },
    (request) => {
      const { sort, machine, under, ...filter } = request.query;
      const devices = devicesOf(request.identity!, machine, under);
      return alarms.list({ ...filter, devices, oldestFirst: !sort.startsWith('-') });
    },
  );

  app.get(
    '/alarms/active',
    {
      config: { permission: 'alarms.read' },
      schema: {
        tags: ['alarms'],
        operationId: 'listActiveAlarms',
        summary: 'Alarms that are not normal, most urgent first, then newest',
        querystring: pageQuery(['urgency'], {}),
        response: { 200: pageOf(AlarmView) },
      },
    },
    (request) => {
      const items = within(request.identity!, alarms.open(), ({ machine }) => machine);
      const keysOf = ({ priority, raisedAt, occurrence }: AlarmView) => [
        ...[ALARM_PRIORITIES.indexOf(priority), -raisedAt, occurrence],
      ];
      const sorted = items.toSorted((a, b) => compareKeys(keysOf(a), keysOf(b)));
      const turned = request.query.sort.startsWith('-');
      return pageOfSorted({ name: 'active alarms', items: sorted, keysOf, turned }, request.query);
    },
  );

  app.get(
    '/alarms/:occurrence',
    {
      config: { permission: 'alarms.read', problems: ['ALARM_NOT_FOUND'] },
      schema: {
        tags: ['alarms'],
        operationId: 'getAlarm',
        summary: 'One alarm, with what has happened to it',
        params: Occurrence,
        response: { 200: AlarmDetail, 404: Problem },
      },
    },
    async (request) => {
      const alarm = await alarms.one(request.params.occurrence);
      if (!alarm || !reaches(request.identity!, alarm.machine)) {
        throw new LinesideError('ALARM_NOT_FOUND', 'peer', 'there is no such alarm');
      }
      return alarm;
    },
  );

  app.post(
    '/alarms/:occurrence/acknowledge',
    {
      config: {
        ...{ permission: 'alarms.acknowledge', audit: 'alarm.acknowledge' },
        problems: ['ALARM_NOT_FOUND', 'ALARM_ACKNOWLEDGED'],
      },
      schema: {
        tags: ['alarms'],
        operationId: 'acknowledgeAlarm',
        summary: 'Acknowledge an alarm; the answer shows it on its way to the gateway',
        params: Occurrence,
        body: AcknowledgeBody,
        response: { 200: AlarmView, 404: Problem, 409: Problem },
      },
    },
    async (request) => {
      const { name, sites } = request.identity!;
      const mine = (machine: string) => reaches({ sites }, machine);
      const { occurrence } = request.params;
      const { comment } = request.body;
      const alarm = await alarms.acknowledge(occurrence, name, comment, mine);
      const { gateway, device, rule, message, state } = alarm;
      request.auditNote = {
        target: occurrence,
        before: { state },
        after: { gateway, device, rule, message, comment },
      };
      return alarm;
    },
  );
}
