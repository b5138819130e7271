-- Each filter of a list has an index in the order of the list: an alarm or a write that there is hardly any of is gone to
-- and not looked for among all of them.
create index alarms_gateway on alarms (gateway, raised_at desc, occurrence desc);
create index alarms_of_device on alarms (device, raised_at desc, occurrence desc);
create index alarms_rule on alarms (rule, raised_at desc, occurrence desc);
create index alarms_priority on alarms (priority, raised_at desc, occurrence desc);
create index alarms_state on alarms (state, raised_at desc, occurrence desc);

create index writes_gateway on writes (gateway, asked_at desc, via desc, id desc);
create index writes_device on writes (device, asked_at desc, gateway desc, via desc, id desc);
create index writes_tag_name on writes (tag, asked_at desc, gateway desc, via desc, id desc);

create index users_role on users (role, name);
