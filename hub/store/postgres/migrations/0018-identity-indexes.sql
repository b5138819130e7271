-- The list of enrolment tokens, newest first.
create index enrolment_tokens_created on enrolment_tokens (created_at desc);

-- The audit log is listed by time, whoever or whatever is asked for: audit_log_at serves those who ask for a time alone.
drop index audit_log_actor;
drop index audit_log_action;
drop index audit_log_target;
create index audit_log_actor on audit_log (actor, at desc, id desc);
create index audit_log_action on audit_log (action, at desc, id desc);
create index audit_log_target on audit_log (target, at desc, id desc);
