-- Accounts of integrators that are made through the API: they hear, and set nothing. Those of the configuration's file
-- are not here.
create table mqtt_accounts (
  name text primary key,
  -- As mosquitto_passwd writes it: $7$iterations$salt$PBKDF2-SHA512.
  password_hash text not null,
  -- JSON list of the ids of the sites that it hears; null for all.
  sites jsonb,
  comment text not null default '',
  created_at bigint not null,
  created_by text not null,
  password_at bigint not null
);
