-- Writes that clients have marked with a key of their own, and what was answered: the same key is not done twice.
create table idempotency_keys (
  who text not null,
  key text not null,
  -- Of method, address and body.
  request_sha256 text not null,
  taken_at bigint not null,
  -- Null while the answer is not there.
  status integer,
  content_type text not null default '',
  -- Null where the answer holds a secret, or more than is kept.
  body text,
  primary key (who, key)
);
create index idempotency_keys_taken on idempotency_keys (taken_at);
