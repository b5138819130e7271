-- What gateways say of a tag to let it be written: limits of a number, or the values where they are names.
alter table tags
  add column writable boolean not null default false,
  add column min double precision,
  add column max double precision,
  add column names jsonb;

-- Who set which tag, or tried to. A row is there before a gateway is asked; a write by another way comes as an event.
create table writes (
  gateway text not null,
  via text not null,
  id text not null,
  -- When it was asked for by the hub's clock, or, by another way, when the gateway decided it by its own.
  asked_at bigint not null,
  device text not null,
  tag text not null,
  by_whom text not null,
  comment text not null default '',
  requested jsonb not null,
  -- Null while the gateway has not told what became of it.
  ok boolean,
  old_value jsonb,
  new_value jsonb,
  error text not null default '',
  decided_at bigint,
  primary key (gateway, via, id)
);
create index writes_history on writes (asked_at desc, gateway desc, via desc, id desc);
create index writes_tag on writes (gateway, device, tag, asked_at desc);
create index writes_user on writes (by_whom, asked_at desc);
