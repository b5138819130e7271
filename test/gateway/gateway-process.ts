/** The gateway as a process of its own, what it says, and what it has left on disk. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { readBatch } from '@lineside/shared/wire/batch-reader.ts';
import { decompressBatch } from '@lineside/shared/wire/envelope.ts';
import { pino } from 'pino';
import { onTestFinished, vi } from 'vitest';
import { GatewayBuffer } from '../../gateway/buffer/buffer.ts';
import type { LocalPicture } from '../../gateway/local/local-server.ts';

const ROOT = resolve(import.meta.dirname, '../..');
export const PATIENT = { timeout: 15_000, interval: 50 };

interface Line {
  level: string;
  msg: string;
  url?: string;
  code?: string;
}

export class Gateway {
  readonly lines: Line[] = [];
  #stderr = '';
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;

  constructor(config: string) {
    const { JOURNAL_STREAM: _inherited, ...env } = process.env;
    const args = ['gateway/main.ts', 'run', '--config', config];
    this.child = spawn(process.execPath, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
    onTestFinished(() => void this.child.kill('SIGKILL'));
    createInterface({ input: this.child.stdout! }).on('line', (line) => void this.lines.push(JSON.parse(line)));
    this.child.stderr!.on('data', (chunk: Buffer) => {
      this.#stderr += chunk.toString();
    });
    this.exited = once(this.child, 'close').then(([code]) => code as number | null);
  }

  async said(msg: string | RegExp): Promise<Line> {
    return await vi.waitFor(() => {
      const found = this.lines.find((line) => (typeof msg === 'string' ? line.msg === msg : msg.test(line.msg)));
      if (found) return found;
      const said = [...this.lines.map((line) => line.msg), this.#stderr].join('\n');
      throw new Error(`it has not said "${msg}", but:\n${said}`);
    }, PATIENT);
  }

  async picture(): Promise<LocalPicture & { alarms: { id: string; rule: string; state: string }[] }> {
    const { url } = await this.said('local page');
    return (await (await fetch(`${url}/api/status`)).json()) as never;
  }

  /** Polls the local page until it shows what `check` expects. */
  async shows(check: (picture: Awaited<ReturnType<Gateway['picture']>>) => void) {
    return await vi.waitFor(async () => {
      const picture = await this.picture();
      check(picture);
      return picture;
    }, PATIENT);
  }
}

/** Everything that is on the disk, in order. */
export async function onDisk(dir: string) {
  const buffer = new GatewayBuffer({
    dir: join(dir, 'data/buffer'),
    config: { commitIntervalMs: 200, segmentMiB: 16, maxMiB: 4096, keepCommittedMiB: 0 },
    log: pino({ level: 'silent' }),
    now: Date.now,
    onCommit: () => undefined,
  });
  await buffer.open();
  const names = new Map<number, string>();
  const samples: { tag: string; at: number; value: unknown; quality: number }[] = [];
  const alarms: string[] = [];
  for (let record = await buffer.read(1); record; record = await buffer.read(record.seq + 1)) {
    const batch = readBatch(decompressBatch(record.payload));
    for (const { id, device, name } of batch.catalog) names.set(id, `${device}/${name}`);
    batch.tags.forEach(
      (tag, i) =>
        void samples.push({
          tag: names.get(tag) ?? String(tag),
          at: batch.sourceAt[i]!,
          value: batch.values.at(i),
          quality: batch.quality[i]!,
        }),
    );
  }
  for (let record = await buffer.urgent.read(1); record; record = await buffer.urgent.read(record.seq + 1)) {
    const batch = readBatch(decompressBatch(record.payload));
    alarms.push(...batch.alarms.map(({ rule, transition, by }) => `${rule} ${transition} ${by}`.trim()));
  }
  await buffer.close();
  return { samples, values: (tag: string) => samples.filter((s) => s.tag === tag).map(({ value }) => value), alarms };
}
