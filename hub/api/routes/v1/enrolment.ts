/** Letting gateways in, by tokens and certificates, and taking that away. */
import {
  EnrolAnswer,
  EnrolRequest,
  MadeToken,
  SERIAL_PATTERN,
  TokenView,
} from '@lineside/shared/contracts/enrolment.ts';
import { pageOf, pageQuery } from '@lineside/shared/contracts/page.ts';
import { GATEWAY_ID_PATTERN } from '@lineside/shared/contracts/topics.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { expectOwnGateway, ownedGateways, ownsGateway, seesGateway } from '../../../auth/identity.ts';
import { actorOf } from '../../plugins/session.ts';
import type { ProblemCode } from '../../problem-list.ts';
import type { ApiServices } from '../../services.ts';
import type { Api } from '../api.ts';

/** A token cannot be guessed; this is for the work that a request makes. From one address. */
const ENROLMENTS_A_MINUTE = 20;

const Ms = Type.Integer({ description: 'milliseconds since 1970 UTC' });
const Params = Type.Object({ id: Type.String({ pattern: GATEWAY_ID_PATTERN, description: 'id of the gateway' }) });
const Serial = Type.String({ pattern: SERIAL_PATTERN, description: 'hexadecimal' });

const TokenBody = Type.Object(
  {
    minutes: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 10_080, description: 'how long it is good for; without it as configured' }),
    ),
  },
  { additionalProperties: false },
);
const Certificate = Type.Object({
  serial: Serial,
  notBefore: Ms,
  notAfter: Ms,
  issuedAt: Ms,
  issuedBy: Type.String({ description: 'who made the token; `renewal` when the gateway renewed it' }),
  renews: Type.Union([Serial, Type.Null()], { description: 'the one before it; null when it came by a token' }),
  revokedAt: Type.Union([Ms, Type.Null()]),
  revokedBy: Type.String(),
  reason: Type.String(),
});
const Reason = Type.Object({
  reason: Type.String({ default: '', maxLength: 200, description: 'kept with it, for whoever looks later' }),
});
const Revoked = Type.Object({ revoked: Type.Array(Serial) });
const PROBLEMS: ProblemCode[] = ['GATEWAY_NOT_FOUND', 'CERTIFICATE_NOT_FOUND'];
const revoking = {
  ...({ permission: 'gateways.manage', audit: 'certificate.revoke', deskNotes: true } as const),
  problems: PROBLEMS,
};
const AuthorityView = Type.Object({
  certificate: Type.String({ description: 'PEM' }),
  fingerprint: Type.String({ description: 'SHA-256, base64url' }),
  revoked: Type.String({ description: 'what it has revoked, as a list that brokers read: PEM, RFC 5280' }),
});

export function enrolmentRoutes(app: Api, { enrolment, authority, board, machines }: ApiServices): void {
  const revoke = async (request: FastifyRequest, id: string, serial: string | undefined, reason: string) => {
    expectOwnGateway(request.identity!, machines, id);
    const revoked = await enrolment.revoke(id, serial, actorOf(request), reason);
    if (revoked.length > 0) return { revoked: revoked.map((row) => row.serial) };
    const which = serial === undefined ? 'certificate' : `certificate ${serial}`;
    throw new LinesideError('CERTIFICATE_NOT_FOUND', 'peer', `gateway ${id} has no ${which} that is valid`);
  };

  app.post(
    '/gateways/:id/enrolment-token',
    {
      config: {
        ...{ permission: 'gateways.enrol', audit: 'enrolment-token.create', deskNotes: true, secretAnswer: true },
        problems: ['GATEWAY_NOT_FOUND', 'GATEWAY_NAME_TAKEN', 'ENROLMENT_NEEDS_TLS'],
      },
      schema: {
        tags: ['gateways'],
        summary: 'Make a token that lets a gateway enrol once',
        description: 'For a new gateway too. On it: `gateway enrol --hub ADDRESS --token TOKEN --config FILE`.',
        params: Params,
        body: TokenBody,
        response: { 200: MadeToken },
      },
    },
    (request) => {
      const { id } = request.params;
      expectOwnGateway(request.identity!, machines, id);
      return enrolment.createToken(id, actorOf(request), request.body.minutes);
    },
  );

  app.get(
    '/enrolment-tokens',
    {
      config: { permission: 'gateways.enrol' },
      schema: {
        tags: ['gateways'],
        summary: 'The tokens by which gateways enrol, without their secrets, newest first',
        description: 'One that was not used and whose time is not over is open: a gateway may come in by it.',
        querystring: pageQuery(['-createdAt'], {}),
        response: { 200: pageOf(TokenView) },
      },
    },
    (request) => enrolment.tokens(request.query, ownedGateways(request.identity!, machines)),
  );

  app.delete(
    '/enrolment-tokens/:token',
    {
      config: {
        ...{ permission: 'gateways.enrol', audit: 'enrolment-token.withdraw', deskNotes: true },
        problems: ['TOKEN_NOT_FOUND'],
      },
      schema: {
        tags: ['gateways'],
        summary: 'Withdraw a token that nobody has used: no gateway enrols by it any more',
        params: Type.Object({ token: Type.String({ minLength: 1, maxLength: 100, description: 'its id' }) }),
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      const { token } = request.params;
      const gateway = await enrolment.gatewayOf(token);
      const own = gateway !== undefined && ownsGateway(request.identity!, machines, gateway);
      if (!own || !(await enrolment.withdrawToken(token, actorOf(request)))) {
        throw new LinesideError('TOKEN_NOT_FOUND', 'peer', 'there is no such token that is open: it is used or over');
      }
      return reply.code(204).send(null);
    },
  );

  app.get(
    '/gateways/:id/certificates',
    {
      config: { permission: 'gateways.read', problems: ['GATEWAY_NOT_FOUND'] },
      schema: {
        tags: ['gateways'],
        summary: 'The certificates that a gateway has got, newest first',
        params: Params,
        querystring: pageQuery(['-issuedAt'], {}),
        response: { 200: pageOf(Certificate) },
      },
    },
    async (request) => {
      const { id } = request.params;
      if (!seesGateway(request.identity!, machines, id)) {
        throw new LinesideError('GATEWAY_NOT_FOUND', 'peer', `there is no gateway ${id}`);
      }
      const { items: rows, next } = await enrolment.certificatePage(id, request.query);
      if (rows.length === 0 && !board.gateways.get(id)) {
        throw new LinesideError('GATEWAY_NOT_FOUND', 'peer', `there is no gateway ${id}`);
      }
      const items = rows.map((row) => ({
        ...{ serial: row.serial, notBefore: row.not_before, notAfter: row.not_after },
        ...{ issuedAt: row.issued_at, issuedBy: row.issued_by, renews: row.renews },
        ...{ revokedAt: row.revoked_at, revokedBy: row.revoked_by, reason: row.reason },
      }));
      return { items, next };
    },
  );

  app.delete(
    '/gateways/:id/certificate',
    {
      config: revoking,
      schema: {
        tags: ['gateways'],
        summary: 'Revoke all certificates of a gateway: it is disconnected at once, and does not come in again',
        description: 'A password that it has in the hub’s configuration is not touched by that.',
        params: Params,
        querystring: Reason,
        response: { 200: Revoked },
      },
    },
    (request) => revoke(request, request.params.id, undefined, request.query.reason),
  );

  app.delete(
    '/gateways/:id/certificates/:serial',
    {
      config: revoking,
      schema: {
        tags: ['gateways'],
        summary: 'Revoke one certificate of a gateway',
        params: Type.Object({ ...Params.properties, serial: Serial }),
        querystring: Reason,
        response: { 200: Revoked },
      },
    },
    (request) => revoke(request, request.params.id, request.params.serial, request.query.reason),
  );

  app.post(
    '/enrol',
    {
      config: {
        ...{ open: true, audit: 'gateway.enrol', deskNotes: true },
        rateLimit: { max: ENROLMENTS_A_MINUTE, timeWindow: '1 minute' },
        problems: [
          ...(['ENROLMENT_REFUSED', 'TOKEN_OTHER_GATEWAY', 'TOKEN_USED', 'TOKEN_EXPIRED', 'GATEWAY_CLOCK'] as const),
          ...(['CSR_INVALID', 'ENROLMENT_NEEDS_TLS'] as const),
        ],
      },
      schema: {
        tags: ['gateways'],
        summary: 'What a gateway asks with its token; see `gateway enrol`',
        body: EnrolRequest,
        response: { 200: EnrolAnswer },
      },
    },
    (request) => enrolment.enrol(request.body, { address: request.ip, requestId: request.id }),
  );

  app.get(
    '/authority',
    {
      config: { open: true },
      schema: {
        tags: ['gateways'],
        summary: 'The authority that signs the certificates of gateways and of the hub’s broker',
        response: { 200: AuthorityView },
      },
    },
    async () => {
      const { certificate, fingerprint } = await authority();
      return { certificate, fingerprint, revoked: await enrolment.revocationList() };
    },
  );
}
