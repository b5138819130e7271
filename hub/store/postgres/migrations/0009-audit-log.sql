-- Who changed what, when, from where. Rows are added, and that is all that the database lets anybody do.
create table audit_log (
  id bigint generated always as identity primary key,
  at bigint not null,
  actor text not null,
  -- A person, an API key, the hub itself, or somebody who is not signed in.
  actor_kind text not null check (actor_kind in ('user', 'key', 'hub', 'nobody')),
  -- Such as user.create or tags.write.
  action text not null,
  -- Of what: a user's name, an alarm, gateway/device/tag.
  target text not null default '',
  outcome text not null check (outcome in ('done', 'refused', 'failed', 'unknown')),
  before jsonb,
  after jsonb,
  -- Of the network.
  address text not null default '',
  request_id text not null default ''
);
create index audit_log_at on audit_log (at desc, id desc);
create index audit_log_actor on audit_log (actor, id desc);
create index audit_log_action on audit_log (action, id desc);
create index audit_log_target on audit_log (target, id desc);

create function audit_log_only_grows() returns trigger language plpgsql as $$
begin
  raise exception 'the audit log only grows: % is refused', lower(tg_op) using errcode = 'insufficient_privilege';
end
$$;
create trigger audit_log_kept before update or delete on audit_log
  for each row execute function audit_log_only_grows();
create trigger audit_log_not_emptied before truncate on audit_log
  for each statement execute function audit_log_only_grows();
-- Also for a session that calls itself a replica.
alter table audit_log enable always trigger audit_log_kept;
alter table audit_log enable always trigger audit_log_not_emptied;
