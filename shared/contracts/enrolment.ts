/**
 * How a gateway gets a certificate of the hub's own authority: the first one by a token over HTTP, each later one over
 * its link. docs/adr/0018 says why nothing of it needs a secret channel.
 */
import { type Static, Type } from 'typebox';
import { GATEWAY_ID_PATTERN } from './topics.ts';

const closed = { additionalProperties: false };
const Ms = Type.Integer({ minimum: 0, description: 'milliseconds since 1970 UTC' });
const Pem = (description: string) => Type.String({ minLength: 1, maxLength: 8_000, description });
const Base64Url = (description: string) =>
  Type.String({ pattern: '^[A-Za-z0-9_-]{1,200}$', description: `${description}, base64url` });

export const SERIAL_PATTERN = '^[0-9a-f]{1,40}$';

/** Gateway → hub, POST /api/v1/enrol. */
export const EnrolRequest = Type.Object(
  {
    token: Base64Url('which token: its second part'),
    gateway: Type.String({ pattern: GATEWAY_ID_PATTERN }),
    csr: Pem('certificate request (PKCS #10, PEM) for a key that the gateway has made and keeps'),
    at: Type.Integer({ minimum: 0, description: 'what the gateway’s clock shows, milliseconds since 1970 UTC' }),
    proof: Base64Url('that the gateway has the token’s secret, for this request and no other'),
  },
  closed,
);
export type EnrolRequest = Static<typeof EnrolRequest>;

/** A token as the hub shows it to who made it, this once. */
export const MadeToken = Type.Object({
  id: Type.String({ description: 'the part of it that is no secret', examples: ['Zk3vQ0aXn2Y'] }),
  token: Type.String({ description: 'shown now and never again' }),
  gateway: Type.String(),
  expiresAt: Ms,
  fingerprint: Type.String({
    description: 'of the authority that will sign: SHA-256, base64url; a part of the token',
  }),
});
export type MadeToken = Static<typeof MadeToken>;

/** A token as it is remembered: without its secret. */
export const TokenView = Type.Object({
  id: Type.String({ examples: ['Zk3vQ0aXn2Y'] }),
  gateway: Type.String(),
  createdAt: Ms,
  createdBy: Type.String(),
  expiresAt: Type.Integer({ description: 'milliseconds since 1970 UTC; of one that was withdrawn, when that was' }),
  usedAt: Type.Union([Ms, Type.Null()]),
});
export type TokenView = Static<typeof TokenView>;

/** Where gateways reach the broker in TLS. */
export const BrokerPlace = Type.Object({
  url: Type.String({ description: 'mqtts://…; empty: at the host by which the hub was reached' }),
  port: Type.Integer({ minimum: 1, maximum: 65_535 }),
  names: Type.Array(Type.String(), { description: 'that its certificate is for; empty when the hub does not know' }),
});
export type BrokerPlace = Static<typeof BrokerPlace>;

/** Hub → gateway. */
export const EnrolAnswer = Type.Object({
  certificate: Pem('the gateway’s certificate (PEM)'),
  authority: Pem('what has signed it (PEM)'),
  at: Ms,
  broker: BrokerPlace,
  signature: Base64Url('that who says this knows the token, for this request and no other'),
});
export type EnrolAnswer = Static<typeof EnrolAnswer>;

/** Gateway → hub over its link, when two thirds of its certificate's life are over. */
export const RenewRequest = Type.Object(
  {
    id: Type.String({ minLength: 1, maxLength: 100 }),
    serial: Type.String({ pattern: SERIAL_PATTERN, description: 'of the certificate that it has' }),
    csr: Pem('certificate request (PKCS #10, PEM) for a new key'),
    signature: Base64Url('of csr by the key of the certificate that it has, ECDSA with SHA-256'),
  },
  closed,
);
export type RenewRequest = Static<typeof RenewRequest>;

/** Hub → gateway. */
export const RenewAnswer = Type.Union([
  Type.Object({ id: Type.String(), certificate: Pem('PEM') }, closed),
  Type.Object({ id: Type.String(), error: Type.String({ minLength: 1, maxLength: 500 }) }, closed),
]);
export type RenewAnswer = Static<typeof RenewAnswer>;
