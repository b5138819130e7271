/** Joins what is heard of gateways that another hub takes to the picture, the figures and the desks of this one. */
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { AndonBoard } from './andon/board.ts';
import type { Arrival } from './ingest/ingest.ts';
import { type HeardRun, Listener } from './ingest/listener.ts';
import type { Jobs } from './jobs-part.ts';
import type { Relational } from './store/postgres/relational.ts';
import { tagIds, tagsOfGateway } from './store/postgres/tags.ts';
import type { WriteDesk } from './writes/write-desk.ts';

export interface ListenerPartOptions {
  relational: Relational;
  board: AndonBoard;
  jobs: Jobs;
  writes: WriteDesk;
  show(arrival: Arrival): void;
  alarmsChanged(occurrences: string[]): void;
  log: Logger;
}

export function heardByOthers(options: ListenerPartOptions): Listener {
  const { relational, board, jobs, writes, show, alarmsChanged } = options;
  const log = options.log.child({ part: 'listener' });
  const onCommitted = async ({ gateway, samples, occurrences, events, describes }: HeardRun): Promise<void> => {
    if (describes) board.catalog.add(await tagsOfGateway(relational.db, gateway));
    let stored = 0;
    for (const columns of samples) {
      stored += columns.tags.length;
      jobs.oee.stored(columns);
    }
    board.gateways.committed(gateway, stored);
    for (const event of events) if (event.kind === 'write') writes.decided(gateway, event);
    if (occurrences.length > 0) alarmsChanged(occurrences);
  };
  return new Listener({
    knownTags: (gateway, epoch) => tagIds(relational.db, gateway, epoch),
    onArrival: show,
    onCommitted: (run) => {
      onCommitted(run).catch((error: unknown) =>
        log.warn({ gateway: run.gateway, error: messageOf(error) }, 'what another hub has committed was not read'),
      );
    },
    log,
  });
}
