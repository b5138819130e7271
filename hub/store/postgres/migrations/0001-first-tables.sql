-- Plain PostgreSQL 15. Times are bigint milliseconds since 1970 UTC in columns named *_at, so that they are numbers
-- on every side and no session's time zone can touch them.

create table users (
  name text primary key check (length(name) between 1 and 64),
  -- Argon2id, in its own encoded form.
  password_hash text not null,
  created_at bigint not null
);

create table sessions (
  -- SHA-256 of the token, hexadecimal: a copy of this table opens no door.
  token_hash text primary key,
  user_name text not null references users (name) on delete cascade on update cascade,
  created_at bigint not null,
  expires_at bigint not null,
  last_seen_at bigint not null
);
create index sessions_user on sessions (user_name);
create index sessions_expiry on sessions (expires_at);

-- The equipment hierarchy of ISA-95 (IEC 62264-1), down to the work cell.
create table equipment (
  -- Names of all levels down to this one, such as acme/hamburg/packaging/line-1/packer.
  path text primary key,
  parent text references equipment (path) on delete cascade,
  level text not null check (level in ('enterprise', 'site', 'area', 'line', 'cell')),
  name text not null,
  settings jsonb not null default '{}',
  check ((parent is null) = (level = 'enterprise'))
);
create index equipment_parent on equipment (parent);

create table gateways (
  id text primary key,
  first_seen_at bigint not null,
  last_seen_at bigint not null,
  version text not null default '',
  online boolean not null default false,
  -- Since when `online` is what it is; null before its first status.
  online_since bigint,
  -- The newest GatewayStatus as it came.
  status jsonb
);

-- What a time series belongs to. The id is the hub's own and outlives gateways' buffers.
create table tags (
  id integer generated always as identity primary key,
  gateway text not null,
  device text not null,
  name text not null,
  type text not null check (type in ('float64', 'float32', 'integer', 'boolean', 'string')),
  unit text not null default '',
  description text not null default '',
  -- A tag whose type changes becomes another series: its values mean something else.
  unique (gateway, device, name, type)
);

-- What a gateway calls its tags within one epoch of its buffer.
create table tag_ids (
  gateway text not null,
  epoch text not null,
  gateway_tag bigint not null,
  tag integer not null references tags (id),
  primary key (gateway, epoch, gateway_tag)
);
create index tag_ids_tag on tag_ids (tag);

-- How far each epoch is committed. Rewritten several times a second, so half of each page stays free for that.
create table watermarks (
  gateway text not null,
  epoch text not null,
  seq bigint not null check (seq >= 0),
  -- Samples committed, all time.
  samples bigint not null default 0 check (samples >= 0),
  updated_at bigint not null,
  primary key (gateway, epoch)
) with (fillfactor = 50);

-- Records that will never come, and why.
create table gaps (
  gateway text not null,
  epoch text not null,
  from_seq bigint not null,
  to_seq bigint not null,
  cause text not null,
  noted_at bigint not null,
  primary key (gateway, epoch, from_seq, to_seq),
  check (from_seq <= to_seq)
);

-- Messages that could not be understood. Bounded: the oldest go.
create table quarantine (
  id bigint generated always as identity primary key,
  gateway text not null,
  received_at bigint not null,
  reason text not null,
  bytes integer not null check (bytes >= 0),
  -- The beginning of the message.
  sample bytea not null check (octet_length(sample) <= 4096)
);
create index quarantine_gateway on quarantine (gateway, id desc);

-- One row for each occurrence, with its state by ISA-18.2 (IEC 62682).
create table alarms (
  occurrence text primary key,
  gateway text not null,
  rule text not null,
  device text not null,
  tag integer references tags (id),
  priority text not null check (priority in ('critical', 'high', 'medium', 'low')),
  message text not null,
  state text not null check (state in ('normal', 'unacknowledged', 'acknowledged', 'returned')),
  raised_at bigint not null,
  returned_at bigint,
  acknowledged_at bigint,
  acknowledged_by text not null default '',
  comment text not null default '',
  value double precision,
  limit_value double precision,
  unit text not null default ''
);
create index alarms_open on alarms (raised_at desc, occurrence desc) where state <> 'normal';
create index alarms_history on alarms (raised_at desc, occurrence desc);
create index alarms_device on alarms (gateway, device, raised_at desc);

create table alarm_events (
  occurrence text not null references alarms (occurrence) on delete cascade,
  transition text not null check (transition in ('raised', 'returned', 'acknowledged')),
  at bigint not null,
  by_whom text not null default '',
  value double precision,
  comment text not null default '',
  primary key (occurrence, transition, at)
);

-- What a gateway has been told to do. Open until its effect has come back as an event.
create table commands (
  id text primary key,
  gateway text not null,
  type text not null,
  body jsonb not null,
  created_at bigint not null,
  done_at bigint
);
create index commands_open on commands (gateway, created_at) where done_at is null;
create index commands_occurrence on commands ((body ->> 'occurrence')) where done_at is null;
