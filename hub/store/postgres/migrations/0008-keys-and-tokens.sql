-- API keys. Only a digest of the secret is kept; what is shown of it are its first characters.
create table api_keys (
  id text primary key,
  name text not null check (length(name) between 1 and 64),
  -- Beginning of the key, by which its owner finds it again.
  prefix text not null,
  -- SHA-256 of the whole key, hexadecimal: the key is 256 random bits.
  key_hash text not null unique,
  -- Words of permissions, and equipment paths (null: the whole plant), as JSON arrays of texts.
  scopes jsonb not null check (jsonb_typeof(scopes) = 'array'),
  sites jsonb check (jsonb_typeof(sites) = 'array'),
  created_by text not null,
  created_at bigint not null,
  expires_at bigint,
  revoked_at bigint,
  revoked_by text not null default '',
  last_used_at bigint,
  last_used_from text not null default ''
);
-- A name is free again when its key has been revoked.
create unique index api_keys_name on api_keys (lower(name)) where revoked_at is null;
create index api_keys_created on api_keys (created_at desc, id desc);

-- What verifies the access tokens of each hub on this store. The private halves stay where they were made.
create table token_keys (
  kid text primary key,
  public_jwk jsonb not null,
  created_at bigint not null
);
create index token_keys_created on token_keys (created_at desc);

-- One sign-in of a client. Its refresh tokens follow one another; one that comes twice ends them all.
create table refresh_families (
  id text primary key,
  user_name text not null references users (name) on delete cascade on update cascade,
  created_at bigint not null,
  -- However often it is refreshed.
  expires_at bigint not null,
  revoked_at bigint,
  reason text not null default '',
  address text not null default '',
  client text not null default ''
);
create index refresh_families_user on refresh_families (user_name, created_at desc);
create index refresh_families_expiry on refresh_families (expires_at);

create table refresh_tokens (
  -- SHA-256, hexadecimal.
  token_hash text primary key,
  family text not null references refresh_families (id) on delete cascade,
  issued_at bigint not null,
  expires_at bigint not null,
  used_at bigint
);
create index refresh_tokens_family on refresh_tokens (family);
