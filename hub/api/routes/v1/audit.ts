/** Who changed what. */
import { AuditEntry } from '@lineside/shared/contracts/accounts.ts';
import { pageOf, pageQuery } from '@lineside/shared/contracts/page.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { Type } from 'typebox';
import type { ApiServices } from '../../services.ts';
import type { Api } from '../api.ts';

const Word = Type.Optional(Type.String({ minLength: 1, maxLength: 500 }));
const At = Type.Optional(Type.Integer({ minimum: 0, description: 'milliseconds since 1970 UTC' }));

export function auditRoutes(app: Api, { access }: ApiServices): void {
  app.get(
    '/audit',
    {
      config: { permission: 'audit.read', problems: ['RANGE_INVALID'] },
      schema: {
        tags: ['audit'],
        summary: 'Who changed what, when and from where, newest first',
        description: 'Nothing is ever taken out of it or changed in it; the database refuses that.',
        querystring: pageQuery(['-at'], { actor: Word, action: Word, target: Word, from: At, to: At }),
        response: { 200: pageOf(AuditEntry) },
      },
    },
    (request) => {
      // Its lines are of all sites.
      if (request.identity!.sites !== null) {
        const words = 'the audit log is for those who see the whole plant';
        throw new LinesideError('PERMISSION_MISSING', 'peer', words);
      }
      return access.audit.list(request.query);
    },
  );
}
