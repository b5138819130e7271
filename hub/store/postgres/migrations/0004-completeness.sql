-- When what is missing would have been measured: receive times of what is next to it on both sides.
alter table gaps
  add column from_at bigint,
  add column to_at bigint;

-- What was said of a day of a gateway when nothing of it could come any more.
create table completeness_statements (
  gateway text not null,
  -- Such as 2026-11-22, in the plant's time zone.
  day text not null,
  made_at bigint not null,
  body jsonb not null,
  primary key (gateway, day)
);
create index completeness_statements_day on completeness_statements (day desc, gateway);
