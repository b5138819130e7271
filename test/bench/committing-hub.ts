/** A hub that commits everything at once and does nothing else, so that only the gateway is measured. */
import { FakeHub } from '../gateway/publisher/fake-hub.ts';

/** In the order of each epoch, as the real hub does; a gateway has one for each lane of its buffer. */
export async function committingHub(): Promise<FakeHub> {
  const hub = await new FakeHub().start();
  const committed = new Map<string, number>();
  hub.onHello = ({ epoch }) => hub.answer({ seq: committed.get(epoch) ?? 0 }, epoch);
  hub.onData = (seq, prev) => {
    const { epoch } = hub.records.at(-1)!;
    const before = committed.get(epoch) ?? 0;
    const fits = prev <= before;
    const now = fits ? Math.max(before, seq) : before;
    committed.set(epoch, now);
    hub.answer({ seq: now, resend: !fits }, epoch);
  };
  return hub;
}
