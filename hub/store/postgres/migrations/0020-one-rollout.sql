-- One rollout at a time, of however many hubs: two would undo each other's configuration.
update rollouts set state = 'stopped', ended_at = created_at, reason = 'another one was running as well'
where state = 'running'
  and exists (
    select 1 from rollouts newer
    where newer.state = 'running' and (newer.created_at, newer.id) > (rollouts.created_at, rollouts.id)
  );
create unique index rollouts_running on rollouts (state) where state = 'running';
