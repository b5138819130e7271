-- The authority that signs this plant's certificates; its key is a file beside the stores and never here.
create table authorities (
  fingerprint text primary key,
  certificate text not null,
  made_at bigint not null
);

-- Tokens by which gateways enrol, once each. The keys prove a token and do not give it away.
create table enrolment_tokens (
  id text primary key,
  gateway text not null,
  stored_key text not null,
  hub_key text not null,
  created_at bigint not null,
  created_by text not null,
  expires_at bigint not null,
  used_at bigint,
  -- SHA-256 of the public key that it was used for: the same gateway may ask again when the answer was lost.
  public_key text,
  serial text
);
create index enrolment_tokens_gateway on enrolment_tokens (gateway, created_at desc);
create index enrolment_tokens_expiry on enrolment_tokens (expires_at);

create table gateway_certificates (
  serial text primary key,
  gateway text not null,
  certificate text not null,
  public_key text not null,
  not_before bigint not null,
  not_after bigint not null,
  issued_at bigint not null,
  issued_by text not null,
  -- The certificate that it takes the place of; null for one that came by a token.
  renews text,
  revoked_at bigint,
  revoked_by text not null default '',
  reason text not null default ''
);
create index gateway_certificates_gateway on gateway_certificates (gateway, issued_at desc);
create index gateway_certificates_revoked on gateway_certificates (revoked_at) where revoked_at is not null;
