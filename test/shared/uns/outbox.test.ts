import { Outbox, type Outgoing } from '@lineside/shared/uns/outbox.ts';
import { expect, onTestFinished, test, vi } from 'vitest';

/** A broker that says when it has taken a message. */
function broker(minIntervalMs: number, maxInFlight: number) {
  const sent: string[] = [];
  const held: (() => void)[] = [];
  const rig = { sent, held, hold: false, most: 0 };
  const outbox = new Outbox({
    minIntervalMs,
    maxInFlight,
    publish: (topic, payload, _qos, done) => {
      sent.push(`${topic}=${payload}`);
      if (!rig.hold) return void setImmediate(done);
      held.push(done);
      rig.most = Math.max(rig.most, held.length);
    },
  });
  onTestFinished(() => outbox.close());
  const topic = (name: string) => {
    const item = { topic: name, text: '', qos: 0 as const, waiting: false, dueAt: 0, payload: () => item.text };
    const say = (text: string) => {
      item.text = text;
      outbox.offer(item);
    };
    return { item: item as Outgoing, say };
  };
  return { ...rig, rig, outbox, topic };
}

test('a slow broker gets the newest of each topic, and never more at once than it may', async () => {
  const { rig, outbox, topic, sent } = broker(0, 4);
  rig.hold = true;
  outbox.open();
  const topics = Array.from({ length: 20 }, (_, i) => topic(`t${i}`));
  for (let round = 0; round < 50; round++) for (const { say } of topics) say(`${round}`);
  await vi.waitFor(() => expect(rig.held).toHaveLength(4));
  for (const { say } of topics) say('last');
  expect(outbox.counts.waiting).toBeLessThanOrEqual(20);
  rig.hold = false;
  for (const done of rig.held.splice(0)) done();
  await outbox.emptied(5_000);
  expect(rig.most).toBe(4);
  for (const { item } of topics)
    expect(sent.findLast((message) => message.startsWith(`${item.topic}=`))).toMatch(/=last$/);
  expect(sent.length).toBeLessThanOrEqual(24);
});

test('a topic is said once in its interval, at once at first, and the last word is not lost', async () => {
  const { outbox, topic, sent } = broker(300, 10);
  outbox.open();
  const { say } = topic('t');
  const from = performance.now();
  let said = 0;
  while (performance.now() - from < 450) {
    say(`${++said}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await vi.waitFor(() => expect(sent.at(-1)).toBe(`t=${said}`));
  expect(sent[0]).toMatch(/^t=[1-9]$/);
  expect(sent.length).toBeLessThanOrEqual(Math.ceil((performance.now() - from) / 300) + 1);
});

test('while the broker is away things wait; what was under way then does not count afterwards', async () => {
  const { rig, outbox, topic, sent } = broker(0, 2);
  const [a, b] = [topic('a'), topic('b')];
  a.say('1');
  b.say('1');
  await new Promise((resolve) => setTimeout(resolve, 40));
  expect(sent).toEqual([]);
  rig.hold = true;
  outbox.open();
  await vi.waitFor(() => expect(sent).toEqual(['a=1', 'b=1']));
  outbox.close();
  a.say('2');
  rig.hold = false;
  outbox.open();
  await vi.waitFor(() => expect(sent.at(-1)).toBe('a=2'));
  // Late words of the connection before.
  for (const done of rig.held) done();
  for (const text of ['3', '4', '5']) {
    b.say(text);
    await vi.waitFor(() => expect(sent.at(-1)).toBe(`b=${text}`));
  }
  await outbox.emptied(1_000);
  expect(outbox.counts).toEqual({ published: 6, waiting: 0 });
});
