-- Hubs that share this database, each start of one a row. It lives while it says so, by this server's clock.
create table replicas (
  id text primary key,
  -- The same after a restart, where the configuration gives one; else as the id.
  name text not null,
  -- Such as ingest,api.
  roles text not null,
  started_at bigint not null,
  expires_at bigint not null
);

-- What exactly one of them does at a time: take the data of a gateway, or run the jobs.
create table leases (
  -- gateway:line-1, sources, jobs
  name text primary key,
  owner text references replicas (id) on delete set null,
  -- Grows with each new owner. A commit is made under the fence that its records were accepted under.
  fence bigint not null,
  since bigint not null
);
create index leases_owner on leases (owner);
