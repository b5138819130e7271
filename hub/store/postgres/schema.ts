/**
 * The tables as Kysely sees them; migrations/ is what makes them. All times are milliseconds since 1970 UTC. JSON is
 * written as text: drivers disagree on what becomes of an array.
 */
import type { ActorKind, AuditOutcome } from '@lineside/shared/contracts/accounts.ts';
import type { AlarmPriority, AlarmState, AlarmTransition } from '@lineside/shared/contracts/alarm.ts';
import type { MachineState, Oee } from '@lineside/shared/contracts/api.ts';
import type { CompletenessStatement } from '@lineside/shared/contracts/completeness.ts';
import type { AnyEvent } from '@lineside/shared/contracts/event.ts';
import type { Value, ValueType } from '@lineside/shared/contracts/frame.ts';
import type { AcknowledgeCommand, GatewayStatus } from '@lineside/shared/contracts/link.ts';
import type { KeyScope, Role } from '@lineside/shared/contracts/permissions.ts';
import type { ColumnType, Generated, GeneratedAlways, Selectable } from 'kysely';

type Json<T> = ColumnType<T, string, string>;

export type EquipmentLevel = 'enterprise' | 'site' | 'area' | 'line' | 'cell';

export interface Database {
  migrations: { name: string; sha256: string; applied_at: number };
  users: {
    name: string;
    /** Null when the user comes in by a provider of identities only. */
    password_hash: string | null;
    created_at: number;
    full_name: Generated<string>;
    role: Role;
    sites: ColumnType<string[] | null, string | null | undefined, string | null>;
    disabled_at: number | null;
    must_change_password: Generated<boolean>;
    password_changed_at: number | null;
    last_login_at: number | null;
    oidc_issuer: string | null;
    oidc_subject: string | null;
  };
  sessions: {
    token_hash: string;
    user_name: string;
    created_at: number;
    expires_at: number;
    last_seen_at: number;
  };
  api_keys: {
    id: string;
    name: string;
    prefix: string;
    key_hash: string;
    scopes: Json<KeyScope[]>;
    sites: ColumnType<string[] | null, string | null, never>;
    created_by: string;
    created_at: number;
    expires_at: number | null;
    revoked_at: number | null;
    revoked_by: Generated<string>;
    last_used_at: number | null;
    last_used_from: Generated<string>;
  };
  token_keys: { kid: string; public_jwk: Json<Record<string, unknown>>; created_at: number };
  refresh_families: {
    id: string;
    user_name: string;
    created_at: number;
    expires_at: number;
    revoked_at: number | null;
    reason: Generated<string>;
    address: string;
    client: string;
  };
  refresh_tokens: {
    token_hash: string;
    family: string;
    issued_at: number;
    expires_at: number;
    used_at: number | null;
  };
  audit_log: {
    id: GeneratedAlways<number>;
    at: ColumnType<number, number, never>;
    actor: ColumnType<string, string, never>;
    actor_kind: ColumnType<ActorKind, ActorKind, never>;
    action: ColumnType<string, string, never>;
    target: ColumnType<string, string, never>;
    outcome: ColumnType<AuditOutcome, AuditOutcome, never>;
    before: ColumnType<unknown, string | null, never>;
    after: ColumnType<unknown, string | null, never>;
    address: ColumnType<string, string, never>;
    request_id: ColumnType<string, string, never>;
  };
  equipment: {
    path: string;
    parent: string | null;
    level: EquipmentLevel;
    name: string;
    settings: Json<Record<string, unknown>>;
  };
  gateways: {
    id: string;
    first_seen_at: number;
    last_seen_at: number;
    version: Generated<string>;
    online: Generated<boolean>;
    online_since: number | null;
    status: ColumnType<GatewayStatus | null, string | null, string | null>;
  };
  tags: {
    id: GeneratedAlways<number>;
    gateway: string;
    device: string;
    name: string;
    type: ValueType;
    unit: string;
    description: string;
    writable: Generated<boolean>;
    min: ColumnType<number | null, number | null | undefined>;
    max: ColumnType<number | null, number | null | undefined>;
    names: ColumnType<string[] | null, string | null | undefined, string | null>;
  };
  tag_ids: { gateway: string; epoch: string; gateway_tag: number; tag: number };
  watermarks: { gateway: string; epoch: string; seq: number; samples: number; updated_at: number };
  gaps: {
    gateway: string;
    epoch: string;
    from_seq: number;
    to_seq: number;
    cause: string;
    noted_at: number;
    from_at: number | null;
    to_at: number | null;
  };
  completeness_statements: { gateway: string; day: string; made_at: number; body: Json<CompletenessStatement> };
  quarantine: {
    id: GeneratedAlways<number>;
    gateway: string;
    received_at: number;
    reason: string;
    bytes: number;
    sample: Uint8Array;
  };
  alarms: {
    occurrence: string;
    gateway: string;
    rule: string;
    device: string;
    tag: number | null;
    priority: AlarmPriority;
    message: string;
    state: AlarmState;
    raised_at: number;
    returned_at: number | null;
    acknowledged_at: number | null;
    acknowledged_by: Generated<string>;
    comment: Generated<string>;
    value: number | null;
    limit_value: number | null;
    unit: string;
  };
  alarm_events: {
    occurrence: string;
    transition: AlarmTransition;
    at: number;
    by_whom: string;
    value: number | null;
    comment: string;
  };
  gateway_events: {
    gateway: string;
    epoch: string;
    seq: number;
    place: number;
    kind: string;
    happened_at: number;
    body: Json<AnyEvent | Record<string, unknown>>;
  };
  writes: {
    gateway: string;
    via: string;
    id: string;
    asked_at: number;
    device: string;
    tag: string;
    by_whom: string;
    actor_kind: Generated<ActorKind>;
    address: Generated<string>;
    request_id: Generated<string>;
    comment: string;
    requested: Json<number | boolean | string>;
    ok: boolean | null;
    old_value: ColumnType<Value, string | null>;
    new_value: ColumnType<Value, string | null>;
    error: string;
    decided_at: number | null;
  };
  authorities: { fingerprint: string; certificate: string; made_at: number };
  enrolment_tokens: {
    id: string;
    gateway: string;
    stored_key: string;
    hub_key: string;
    created_at: number;
    created_by: string;
    expires_at: number;
    used_at: number | null;
    public_key: string | null;
    serial: string | null;
  };
  gateway_certificates: {
    serial: string;
    gateway: string;
    certificate: string;
    public_key: string;
    not_before: number;
    not_after: number;
    issued_at: number;
    issued_by: string;
    renews: string | null;
    revoked_at: number | null;
    revoked_by: Generated<string>;
    reason: Generated<string>;
  };
  mqtt_accounts: {
    name: string;
    password_hash: string;
    sites: ColumnType<string[] | null, string | null, string | null>;
    comment: string;
    created_at: number;
    created_by: string;
    password_at: number;
  };
  replicas: { id: string; name: string; roles: string; started_at: number; expires_at: number };
  leases: { name: string; owner: string | null; fence: number; since: number };
  machine_figures: { path: string; made_at: number; body: Json<{ oee: Oee; state: MachineState }> };
  rollouts: {
    id: string;
    by_whom: string;
    created_at: number;
    ended_at: number | null;
    state: 'running' | 'done' | 'stopped';
    reason: Generated<string>;
    config: string;
  };
  rollout_gateways: {
    rollout: string;
    gateway: string;
    wave: number;
    state: 'waiting' | 'running' | 'done' | 'failed' | 'notSent';
    detail: Generated<string>;
    changed_at: number;
  };
  idempotency_keys: {
    who: string;
    key: string;
    request_sha256: string;
    taken_at: number;
    status: number | null;
    content_type: Generated<string>;
    body: string | null;
  };
  commands: {
    id: string;
    gateway: string;
    type: string;
    body: Json<AcknowledgeCommand>;
    created_at: number;
    done_at: number | null;
  };
}

export type Row<Table extends keyof Database> = Selectable<Database[Table]>;
