import { beforeEach, describe, expect, test } from 'vitest';
import { GatewayLanes } from '../../../hub/broker/gateway-lanes.ts';

describe('lanes of gateways', () => {
  let lanes: GatewayLanes;
  /** What is being taken, in order, and is done when the test says so. */
  let taking: { name: string; done: () => void }[];
  let overflows: string[];

  beforeEach(() => {
    taking = [];
    overflows = [];
    lanes = new GatewayLanes({
      onOverflow: (gateway) => overflows.push(gateway),
      limits: { messages: 3, bytes: 40, totalBytes: 100 },
    });
  });

  const put = (gateway: string, name: string, bytes = 10) =>
    lanes.put(gateway, bytes, () => new Promise((done) => taking.push({ name, done })));
  /** Ends the take of that name; resolves when what follows it has begun. */
  const end = async (name: string) => {
    const [one] = taking.splice(
      taking.findIndex((each) => each.name === name),
      1,
    );
    one!.done();
    await new Promise((resolve) => setImmediate(resolve));
  };
  const names = () => taking.map(({ name }) => name);

  test('a gateway is taken one message after the other, and beside the others', async () => {
    for (const name of ['a1', 'a2', 'b1', 'a3', 'b2']) await put(name[0]!, name);
    expect(names()).toEqual(['a1', 'b1']);
    await end('b1');
    await end('b2');
    expect(names()).toEqual(['a1']);
    await end('a1');
    await end('a2');
    expect(names()).toEqual(['a3']);
    await end('a3');
    await put('a', 'a4');
    expect([names(), lanes.bytes, overflows]).toEqual([['a4'], 10, []]);
  });

  test.each([
    ['messages', 10],
    ['bytes', 14],
  ])('one that sends beyond its own room loses that and no other does: %s', async (_what, bytes) => {
    for (const name of ['a1', 'a2', 'a3', 'a4', 'a5', 'b1']) await put(name[0]!, name, bytes);
    expect([names(), overflows]).toEqual([['a1', 'b1'], ['a']]);
    for (const name of ['a1', 'a2', ...(bytes === 10 ? ['a3'] : [])]) await end(name);
    expect(names()).toEqual(['b1']);
    for (const name of ['a6', 'a7', 'a8', 'a9']) await put('a', name, bytes);
    expect([names(), overflows]).toEqual([
      ['b1', 'a6'],
      ['a', 'a'],
    ]);
  });

  test('when all have filled all of the room, the next has no place until somebody is done', async () => {
    for (const gateway of ['a', 'b', 'c']) await put(gateway, gateway, 33);
    let placed = false;
    const late = put('d', 'd', 33).then(() => {
      placed = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect([placed, lanes.bytes, names()]).toEqual([false, 99, ['a', 'b', 'c']]);
    await end('b');
    await late;
    expect([lanes.bytes, names()]).toEqual([99, ['a', 'c', 'd']]);
  });

  test('a message that is larger than all of the room comes in alone', async () => {
    await put('a', 'a', 10);
    const large = put('b', 'b', 500);
    await end('a');
    await large;
    expect([names(), lanes.bytes]).toEqual([['b'], 500]);
  });
});
