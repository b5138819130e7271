-- Gateways and MQTT accounts change things too, and so do commands of the hub's own machine.
alter table audit_log drop constraint audit_log_actor_kind_check;
alter table audit_log add constraint audit_log_actor_kind_check
  check (actor_kind in ('user', 'key', 'account', 'gateway', 'command', 'hub', 'nobody'));

-- Who asked for a write and from where. What became of it is told later, and then stands in the audit log under these.
alter table writes
  add column actor_kind text not null default 'user',
  add column address text not null default '',
  add column request_id text not null default '';
