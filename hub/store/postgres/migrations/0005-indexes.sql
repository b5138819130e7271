-- Gaps are looked for by the time that they are about, of all gateways together.
create index gaps_time on gaps ((coalesce(to_at, from_at, noted_at)));
