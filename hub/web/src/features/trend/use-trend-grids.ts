import type { TagView } from '@lineside/shared/contracts/api.ts';
import { isGood } from '@lineside/shared/contracts/quality.ts';
import { useQueries } from '@tanstack/react-query';
import { useEffect, useMemo, useRef } from 'react';
import { hubApi } from '../../api/hub-api.ts';
import { BucketGrid } from '../../chart/bucket-grid.ts';
import type { ChartWindow } from '../../chart/chart-window.ts';
import { loadHistory } from '../../chart/history-points.ts';
import { useLink, useLiveHub } from '../../live/live-context.tsx';

/** Buckets beyond the window: a source whose clock runs a little ahead must not push the oldest ones out. */
const SPARE_BUCKETS = 60;

/**
 * The chart's buffers: history first, then every live value as it comes, all outside React. Only good values make
 * a line, here as in the hub's history; anything else breaks it. `loaded` counts the histories that came.
 */
export function useTrendGrids(tags: readonly TagView[], window: ChartWindow, believed: boolean) {
  const hub = useLiveHub();
  const link = useLink();
  const ids = tags.map((tag) => tag.id).join(',');

  // biome-ignore lint/correctness/useExhaustiveDependencies: the ids stand for the tags
  const grids = useMemo(() => {
    const size = Math.ceil(window.spanMs / window.stepMs) + SPARE_BUCKETS;
    return new Map(tags.map((tag) => [tag.id, new BucketGrid(window.stepMs, size)]));
  }, [ids, window]);

  useEffect(
    () =>
      hub.values.tap((values) => {
        for (const [tag, at, value, quality] of values) {
          const grid = grids.get(tag);
          if (!grid) continue;
          if (isGood(quality) && typeof value !== 'string' && value !== null) grid.add(at, Number(value));
          else grid.breakAt(at);
        }
      }),
    [hub, grids],
  );

  // Nothing is heard: whatever comes next must not be joined to what came last.
  const live = link.status === 'live' && believed;
  const offset = hub.getPlant().clockOffset;
  useEffect(() => {
    if (live) return;
    for (const grid of grids.values()) grid.breakAt((grid.newest() ?? Date.now() + offset) + window.stepMs);
  }, [live, grids, offset, window]);

  // After each reconnect the history is read again, so that what was missed is filled in.
  const connects = useRef(0);
  const wasLive = useRef(false);
  if (live !== wasLive.current) {
    wasLive.current = live;
    if (live) connects.current += 1;
  }
  const histories = useQueries({
    queries: tags.map((tag) => ({
      queryKey: ['history', tag.id, window.label, connects.current],
      queryFn: ({ signal }: { signal: AbortSignal }) => {
        const to = Date.now() + hub.getPlant().clockOffset;
        return hubApi.history(tag.id, to - window.spanMs, to, signal);
      },
      staleTime: Infinity,
      gcTime: 0,
    })),
  });

  const loadedInto = useRef(new WeakMap<BucketGrid, unknown>());
  for (const { data } of histories) {
    const grid = data ? grids.get(data.tag) : undefined;
    if (!data || !grid || loadedInto.current.get(grid) === data) continue;
    loadedInto.current.set(grid, data);
    loadHistory(grid, data);
  }
  return {
    grids,
    loaded: histories.filter((history) => history.isSuccess).length,
    loading: histories.some((history) => history.isPending),
    error: histories.find((history) => history.isError)?.error ?? null,
  };
}
