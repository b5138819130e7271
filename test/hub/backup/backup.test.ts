/** Backup and restore of a hub that runs, by its own commands, and what a gateway and its data see of it. */
import { type EventEmitter, once } from 'node:events';
import { cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { runCommand } from '@lineside/shared/cli/program.ts';
import type { AuditEntry } from '@lineside/shared/contracts/accounts.ts';
import type { CompletenessStatement } from '@lineside/shared/contracts/completeness.ts';
import type { Committed } from '@lineside/shared/contracts/link.ts';
import type { Page } from '@lineside/shared/contracts/page.ts';
import { topicOf } from '@lineside/shared/contracts/topics.ts';
import mqtt, { type MqttClient } from 'mqtt';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Manifest } from '../../../hub/backup/manifest.ts';
import { HUB_COMMANDS } from '../../../hub/commands/all.ts';
import { EPOCH, envelope, tagInfo } from '../../services/gateway-records.ts';
import { newRelational } from '../../services/new-relational.ts';
import { Program } from '../../services/program.ts';

const command = (args: string[]) => runCommand('hub', HUB_COMMANDS, args);

const PLANT = `enterprise: { id: acme, name: Acme }
sites:
  - { id: site, name: Site, timeZone: UTC, shifts: [{ name: Day, from: "00:00", to: "00:00" }], areas: [] }
`;
const HUB = `plant: plant.yaml
dataDir: data
http: { port: 0 }
mqtt: { port: 0 }
gateways: [{ id: line-1, passwordFile: secret }]
timeSeries: { memoryLimit: 128MB }
`;

describe('a hub with a gateway', { timeout: 90_000 }, () => {
  let dir: string;
  let config: string;
  let hub: Program;
  let url: string;
  let client: MqttClient;
  let answers: Committed[];
  let out = '';
  let errors = '';
  let password = '';

  beforeAll(async () => {
    // Longer than the address of a socket may be.
    dir = await mkdtemp(join(tmpdir(), `lineside-backup-${'x'.repeat(80)}-`));
    config = join(dir, 'hub.yaml');
    await writeFile(join(dir, 'plant.yaml'), PLANT);
    await writeFile(config, HUB);
    await writeFile(join(dir, 'secret'), 'secret\n', { mode: 0o600 });
    await newRelational(join(dir, 'data', 'relational'));
    hub = new Program({ name: 'hub', args: ['hub/main.ts', 'run', '--config', config] });
  });
  beforeEach(() => {
    out = errors = '';
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      out += String(text);
      return true;
    });
    vi.spyOn(console, 'error').mockImplementation((text) => {
      errors += `${text}\n`;
    });
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });
  afterAll(async () => {
    client?.end(true);
    await hub.kill();
    await rm(dir, { recursive: true, force: true });
  });

  async function start(): Promise<void> {
    const told = (await hub.start()) as { url: string; mqttPort: number; firstPassword?: string };
    url = told.url;
    password ||= told.firstPassword ?? '';
    client = mqtt.connect(`mqtt://127.0.0.1:${told.mqttPort}`, {
      ...{ clientId: 'line-1', username: 'line-1', password: 'secret', reconnectPeriod: 0 },
    });
    client.on('error', () => undefined);
    await once(client as unknown as EventEmitter, 'connect');
    answers = [];
    client.on('message', (_topic, payload) => answers.push(JSON.parse(payload.toString()) as Committed));
    await client.subscribeAsync(topicOf('line-1', 'committed'), { qos: 1 });
    await client.publishAsync(topicOf('line-1', 'hello'), JSON.stringify({ epoch: EPOCH, oldest: 1, newest: 1 }));
    await vi.waitFor(() => expect(answers).toHaveLength(1), 10_000);
  }

  /** Records as they come from the gateway's disk: one a second, 10 samples each. */
  const began = Date.now() - 600_000;
  function send(seq: number, options: { prev?: number; tags?: boolean; epoch?: string } = {}): Promise<unknown> {
    const at = began + seq * 1_000;
    const tags = options.tags || seq === 1 ? [tagInfo(1, '$link', 'integer'), tagInfo(2, 'speed')] : [];
    const samples = Array.from({ length: 10 }, (_, i): [number, number, number] => [2, at + i, seq + i / 10]);
    const record = { receivedAt: at, samples: [[1, at, 1] as [number, number, number], ...samples] };
    const described = tags.length > 0 ? { ...record, tags } : record;
    return client.publishAsync(topicOf('line-1', 'data'), envelope(seq, described, options), { qos: 1 });
  }

  async function committed(seq: number): Promise<void> {
    await vi.waitFor(() => expect(answers.at(-1)?.seq).toBeGreaterThanOrEqual(seq), 15_000);
  }

  async function get<T>(path: string): Promise<T> {
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ name: 'admin', password });
    const login = await fetch(`${url}/api/v1/login`, { method: 'POST', headers, body });
    const cookie = login.headers.get('set-cookie')!.split(';')[0]!;
    return (await (await fetch(`${url}${path}`, { headers: { cookie } })).json()) as T;
  }

  /** Newest first. */
  const audit = async (action: string) => (await get<Page<AuditEntry>>(`/api/v1/audit?action=${action}`)).items;
  const TYPED = { actor: `${userInfo().username} at the hub`, actorKind: 'command', outcome: 'done' };

  const madeIn = async (folder: string) => (await readdir(folder)).map((name) => join(folder, name));
  const manifestOf = async (backup: string) =>
    JSON.parse(await readFile(join(backup, 'manifest.json'), 'utf8')) as Manifest;

  test('is backed up while it commits, and the copy is checked and readable by its user only', async () => {
    await start();
    for (let seq = 1; seq <= 20; seq++) await send(seq);
    await committed(20);
    let seq = 20;
    const going = setInterval(() => void send(++seq), 20);
    const code = await command(['backup', '--config', config, '--out', join(dir, 'older')]);
    clearInterval(going);
    expect([code, errors]).toEqual([0, expect.stringMatching(/copying the time series\n(.*\n)*counting/)]);
    const [backup] = await madeIn(join(dir, 'older'));
    expect(out).toContain(`${backup}: of `);
    expect((await stat(backup!)).mode & 0o077).toBe(0);
    const { rows, watermarks, files } = await manifestOf(backup!);
    expect(watermarks[0]!.seq).toBeGreaterThanOrEqual(20);
    expect(rows.timeSeries.samples).toBeGreaterThanOrEqual(11 * watermarks[0]!.seq);
    expect(rows.relational).toMatchObject({ tags: 2, users: 1, watermarks: 1 });
    expect(Object.keys(files)).toEqual(['others.tar.zst', 'relational.tar.zst', 'timeseries.duckdb']);
    expect(await audit('hub.backup')).toMatchObject([
      {
        ...{ ...TYPED, target: expect.stringContaining(join(dir, 'data', 'backups', 'lineside-hub-')) },
        after: { madeAt: (await manifestOf(backup!)).madeAt, copyTo: join(dir, 'older') },
      },
    ]);
    await committed(seq);
    for (let more = 0; more < 20; more++) await send(++seq);
    await committed(seq);
  });

  test('proves a backup sound without changing it, and names what is damaged in it', async () => {
    const [backup] = await madeIn(join(dir, 'older'));
    expect(await command(['backup', 'verify', backup!])).toBe(0);
    expect(out).toMatch(/sound; of .* samples/);
    const bad = join(dir, 'bad');
    await cp(backup!, bad, { recursive: true });
    const bytes = await readFile(join(bad, 'timeseries.duckdb'));
    bytes[bytes.length >> 1]! ^= 1;
    await writeFile(join(bad, 'timeseries.duckdb'), bytes);
    expect(await command(['restore', bad, '--config', config, '--force'])).toBe(1);
    expect(errors).toMatch(/BACKUP_DAMAGED: .*timeseries\.duckdb: its SHA-256 is another one/);
    const manifest = await manifestOf(backup!);
    const file = join(bad, 'manifest.json');
    await cp(join(backup!, 'timeseries.duckdb'), join(bad, 'timeseries.duckdb'));
    await writeFile(file, JSON.stringify({ ...manifest, rows: { ...manifest.rows, relational: { tags: 3 } } }));
    expect(await command(['backup', 'verify', bad])).toBe(1);
    expect(errors).toMatch(/relational\.tar\.zst: the table tags has 2 rows and had 3/);
    await writeFile(file, JSON.stringify({ ...manifest, hub: '9.0', migrations: ['9999-later.sql'] }));
    expect(await command(['restore', bad, '--config', config, '--force'])).toBe(1);
    expect(errors).toMatch(/BACKUP_NEWER: .*made by the hub 9\.0.*9999-later\.sql/);
  });

  test('is not restored while it runs, nor over data without a word', async () => {
    const [backup] = await madeIn(join(dir, 'older'));
    expect(await command(['restore', backup!, '--config', config])).toBe(1);
    expect(errors).toMatch(/RESTORE_NOT_EMPTY: .*--force/);
    expect(await command(['restore', backup!, '--config', config, '--force'])).toBe(1);
    expect(errors).toMatch(new RegExp(`STORE_LOCKED: .*PID ${hub.pid}\\b`));
  });

  test('is backed up after it was killed, too', async () => {
    await hub.kill();
    expect(await command(['backup', '--config', config, '--out', join(dir, 'stopped')])).toBe(0);
    const [backup] = await madeIn(join(dir, 'stopped'));
    const { watermarks, rows } = await manifestOf(backup!);
    expect(rows.timeSeries.samples).toBe(11 * watermarks[0]!.seq);
  });

  test('goes on from an older backup, and names what came in between as missing', async () => {
    const [backup] = await madeIn(join(dir, 'older'));
    const [newer] = await madeIn(join(dir, 'stopped'));
    const before = (await manifestOf(backup!)).watermarks[0]!.seq;
    const last = (await manifestOf(newer!)).watermarks[0]!.seq;
    expect(await command(['restore', backup!, '--config', config, '--force'])).toBe(0);
    const aside = (await readdir(join(dir, 'data'))).find((name) => name.startsWith('before-restore-'))!;
    expect(await readdir(join(dir, 'data', aside))).toEqual(
      expect.arrayContaining(['relational', 'timeseries.duckdb']),
    );

    await start();
    expect(answers).toMatchObject([{ seq: before, resend: false }]);
    const { madeAt, hub: version } = await manifestOf(backup!);
    const restored = { ...TYPED, target: backup, before: null, after: { madeAt, version } };
    expect(await audit('hub.restore')).toMatchObject([restored]);
    // On the gateway's disk, all that was committed has given way, but for the newest segment.
    const kept = last - 5;
    for (let seq = kept; seq <= last + 5; seq++) await send(seq, seq === kept ? { prev: 0, tags: true } : {});
    await committed(last + 5);
    // A gateway's buffer that was born after the backup.
    const epoch = 'b'.repeat(32);
    await send(30, { prev: 0, tags: true, epoch });
    await vi.waitFor(() => expect(answers.at(-1)).toMatchObject({ epoch, seq: 30 }), 15_000);

    const day = new Date(began + kept * 1_000).toISOString().slice(0, 10);
    const stated = () => get<{ items: CompletenessStatement[] }>(`/api/v1/completeness?day=${day}`);
    const [statement] = (await stated()).items;
    expect(statement).toMatchObject({
      delivery: 'incomplete',
      missing: [
        { epoch: EPOCH, fromSeq: before + 1, toSeq: kept - 1, samples: null },
        { epoch, fromSeq: 1, toSeq: 29 },
      ],
    });
    for (const { cause } of statement!.missing) expect(cause).toMatch(/not in the backup of .* restored from/);
    // A gap that comes later has its own cause.
    await send(last + 10, { prev: 0 });
    await committed(last + 10);
    const [later] = (await stated()).items;
    expect(later!.missing.find(({ fromSeq }) => fromSeq === last + 6)?.cause).toMatch(/dropped or damaged/);
    await hub.stop();
  });

  test('does not start on a restore that was cut off, and says what to do', async () => {
    await writeFile(join(dir, 'data', 'restore.unfinished'), '');
    await expect(hub.start()).rejects.toThrow(/RESTORE_UNFINISHED.*run `hub restore` again, with --force/);
    const [newer] = await madeIn(join(dir, 'stopped'));
    expect(await command(['restore', newer!, '--config', config, '--force'])).toBe(0);
    await start();
    expect(answers[0]!.seq).toBe((await manifestOf(newer!)).watermarks[0]!.seq);
    await hub.stop();
  });

  test('that was backed up while it was stopped says so when it runs again, once', async () => {
    expect(await command(['backup', '--config', config, '--out', join(dir, 'later')])).toBe(0);
    const notes = join(dir, 'data', 'audit-notes.jsonl');
    const note = await readFile(notes, 'utf8');
    await start();
    await expect(readFile(notes)).rejects.toThrow(/ENOENT/);
    await hub.stop();
    // It was killed before it could remove them, and somebody has written something else there.
    await writeFile(notes, `${note}no note\n`);
    await start();
    const [line, ...more] = await audit('hub.backup');
    expect(line).toMatchObject({ ...TYPED, target: (await madeIn(join(dir, 'later')))[0] });
    expect(more.filter(({ target }) => target === line!.target)).toEqual([]);
    expect(await audit('hub.restore')).toHaveLength(1);
    await hub.stop();
  });

  test('says what is wrong with its arguments and folders', async () => {
    await writeFile(join(dir, 'file'), '');
    expect(await command(['backup', '--config', config, '--out', join(dir, 'file')])).toBe(1);
    expect(errors).toMatch(/file/);
    expect(await command(['backup', '--config', join(dir, 'no.yaml')])).toBe(1);
    expect(await command(['restore', '--config', config])).toBe(2);
  });
});
