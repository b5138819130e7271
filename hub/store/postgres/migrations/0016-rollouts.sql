-- A configuration on its way to several gateways, in waves.
create table rollouts (
  id text primary key,
  by_whom text not null,
  created_at bigint not null,
  ended_at bigint,
  state text not null check (state in ('running', 'done', 'stopped')),
  -- Why it ended before the last gateway; empty when it did not.
  reason text not null default '',
  -- The whole file but for gateway, dataDir and hub, which are each gateway's own.
  config text not null
);
create index rollouts_history on rollouts (created_at desc, id desc);

create table rollout_gateways (
  rollout text not null references rollouts (id) on delete cascade,
  gateway text not null,
  wave integer not null check (wave >= 1),
  state text not null check (state in ('waiting', 'running', 'done', 'failed', 'notSent')),
  detail text not null default '',
  changed_at bigint not null,
  primary key (rollout, gateway)
);
