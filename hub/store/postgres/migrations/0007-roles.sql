-- What a user may do and where. Whoever was there before could do everything, and still can.
alter table users
  add column full_name text not null default '',
  add column role text not null default 'admin'
    check (role in ('operator', 'supervisor', 'maintenance', 'engineer', 'manager', 'admin')),
  -- Equipment paths, a JSON array of texts; null: the whole plant.
  add column sites jsonb check (jsonb_typeof(sites) = 'array'),
  add column disabled_at bigint,
  add column must_change_password boolean not null default false,
  add column password_changed_at bigint,
  add column last_login_at bigint,
  -- Who the user is at a provider of identities (OpenID Connect); such a user has no password here.
  add column oidc_issuer text,
  add column oidc_subject text,
  alter column password_hash drop not null,
  add unique (oidc_issuer, oidc_subject),
  add check ((oidc_issuer is null) = (oidc_subject is null)),
  -- Nobody could tell Anna from anna.
  add check (name = lower(name));
alter table users alter column role drop default;
