/** The OPC UA servers that wait for trust, on the local page. Only who is at the machine itself may trust one. */
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { FastifyInstance, FastifyRequest } from 'fastify';

interface LocalCertificate {
  /** SHA-1, 40 hexadecimal digits. */
  thumbprint: string;
  subject: string;
  issuer: string;
  hosts: string[];
  applicationUri: string;
  /** Milliseconds since 1970 UTC. */
  validFrom: number;
  validTo: number;
}

export interface LocalCertificates {
  /** The gateway's own; null before it has one. */
  own(): LocalCertificate | null;
  servers(): (LocalCertificate & { state: 'trusted' | 'rejected'; at: number })[];
  /** @throws LinesideError when there is no such certificate. */
  trust(thumbprint: string, by: string): void;
}

export function certificateRoutes(server: FastifyInstance, certificates: LocalCertificates): void {
  server.get('/api/certificates', (request) => ({
    mayTrust: atTheMachine(request),
    now: Date.now(),
    own: certificates.own(),
    servers: certificates.servers(),
  }));
  server.post<{ Params: { thumbprint: string }; Body: { by: string } }>(
    '/api/certificates/:thumbprint/trust',
    {
      schema: {
        params: {
          type: 'object',
          required: ['thumbprint'],
          properties: { thumbprint: { type: 'string', pattern: '^[0-9a-f]{40}$' } },
        },
        body: {
          type: 'object',
          additionalProperties: false,
          required: ['by'],
          properties: { by: { type: 'string', minLength: 1, maxLength: 64 } },
        },
      },
    },
    async (request, reply) => {
      if (!atTheMachine(request)) {
        const words = 'a certificate is trusted at the machine itself; from elsewhere run `gateway trust add` there';
        return reply.code(403).send({ error: words });
      }
      try {
        certificates.trust(request.params.thumbprint, request.body.by);
        return { trusted: true };
      } catch (error) {
        if (!(error instanceof LinesideError)) throw error;
        return reply.code(409).send({ error: messageOf(error) });
      }
    },
  );
}

/** The network on which the impostor may be does not decide whom the gateway trusts. */
function atTheMachine({ socket }: FastifyRequest): boolean {
  const address = socket.remoteAddress ?? '';
  return address === '::1' || /^(::ffff:)?127\./.test(address);
}
