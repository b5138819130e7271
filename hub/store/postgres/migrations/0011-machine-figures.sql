-- The figures of each machine's running shift, as the hub that runs the jobs last made them, for those that do not.
create table machine_figures (
  path text primary key,
  made_at bigint not null,
  body jsonb not null
);
