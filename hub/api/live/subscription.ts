/** What one client has asked for under one name. */
import type { LiveKind } from '@lineside/shared/contracts/live.ts';
import type { PathFilter } from './path-filter.ts';
import type { ValueGroup } from './value-group.ts';

export interface Subscription {
  id: string;
  kinds: ReadonlySet<LiveKind>;
  filter: PathFilter;
  /** Where its values come from; absent without values. */
  group: ValueGroup | undefined;
  /** Whether it wants to be told of the tags that its patterns mean. */
  describe: boolean;
}
