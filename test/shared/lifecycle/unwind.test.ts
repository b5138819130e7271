import { setTimeout as sleep } from 'node:timers/promises';
import { Unwind } from '@lineside/shared/lifecycle/unwind.ts';
import { describe, expect, it } from 'vitest';
import { recordingLog } from './recording-log.ts';

describe('Unwind', () => {
  it('runs the clean-ups one after the other, last one first, each once', async () => {
    const { log, lines } = recordingLog();
    const unwind = new Unwind();
    const ran: string[] = [];
    for (const name of ['buffer', 'drivers', 'publisher']) {
      unwind.defer(name, async () => {
        await sleep(1);
        ran.push(name);
      });
    }
    expect(await unwind.unwind(log, 1_000)).toEqual({ failed: [] });
    await unwind.unwind(log, 1_000);
    expect(ran).toEqual(['publisher', 'drivers', 'buffer']);
    expect(lines.map((line) => line.msg)).toEqual(['closed publisher', 'closed drivers', 'closed buffer']);
  });

  it('goes on past a step that throws, one that rejects and one that hangs, and names them', async () => {
    const { log, lines } = recordingLog();
    const unwind = new Unwind();
    let closed = false;
    unwind.defer('buffer', () => {
      closed = true;
    });
    unwind.defer('hub link', () => new Promise(() => {}));
    unwind.defer('local page', () => Promise.reject(new Error('port is gone')));
    unwind.defer('drivers', () => {
      throw new Error('never opened');
    });
    const result = await unwind.unwind(log, 30);
    expect(result.failed).toEqual(['drivers', 'local page', 'hub link']);
    expect(closed).toBe(true);
    expect(lines.filter((line) => line.level === 'error')).toMatchObject([
      { step: 'drivers', reason: 'never opened' },
      { step: 'local page', reason: 'port is gone' },
      { step: 'hub link', reason: 'not done within 30 ms' },
    ]);
  });

  it('runs a step that a start still in flight pushes while it unwinds, and shares one run between callers', async () => {
    const { log } = recordingLog();
    const unwind = new Unwind();
    const ran: string[] = [];
    unwind.defer('drivers', async () => {
      await sleep(1);
      unwind.defer('late socket', () => ran.push('late socket'));
      ran.push('drivers');
    });
    const first = unwind.unwind(log, 1_000);
    expect(unwind.unwind(log, 1_000)).toBe(first);
    await first;
    expect(ran).toEqual(['drivers', 'late socket']);
  });
});
