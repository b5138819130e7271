-- What gateways say besides samples and alarms: writes, drops, steps of their clocks. Only appended to.
create table gateway_events (
  gateway text not null,
  epoch text not null,
  -- The record that it came in, and its place among the events there: a repeat is the same row.
  seq bigint not null,
  place integer not null,
  kind text not null,
  happened_at bigint not null,
  body jsonb not null,
  primary key (gateway, epoch, seq, place)
);
create index gateway_events_kind on gateway_events (kind, happened_at desc);
create index gateway_events_gateway on gateway_events (gateway, happened_at desc);
