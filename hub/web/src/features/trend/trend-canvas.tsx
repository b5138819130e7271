import 'uplot/dist/uPlot.min.css';
import { useEffect, useRef } from 'react';
import type { ChartWindow } from '../../chart/chart-window.ts';
import { TrendChart, type TrendCursor, type TrendLimit, type TrendSeries } from '../../chart/trend-chart.ts';
import { useLiveHub } from '../../live/live-context.tsx';
import classes from './trend-panel.module.css';

export interface TrendCanvasProps {
  series: readonly TrendSeries[];
  window: ChartWindow;
  limits: readonly TrendLimit[];
  /** Changes when a history has come, so that it is drawn at once. */
  loaded: number;
  /** Changes with the colour scheme and the wall mode: the canvas must be painted anew. */
  look: string;
  label: string;
  onCursor: (cursor: TrendCursor | null) => void;
}

/** Gives a TrendChart its place in the page. */
export function TrendCanvas({ series, window, limits, loaded, look, label, onCursor }: TrendCanvasProps) {
  const hub = useLiveHub();
  const host = useRef<HTMLDivElement>(null);
  const chart = useRef<TrendChart | null>(null);

  // biome-ignore lint/correctness/useExhaustiveDependencies: look is read from the style sheet
  useEffect(() => {
    if (!host.current) return;
    const style = getComputedStyle(document.documentElement);
    chart.current = new TrendChart(host.current, {
      series,
      window,
      onCursor,
      now: () => Date.now() + hub.getPlant().clockOffset,
      look: {
        text: style.getPropertyValue('--muted').trim(),
        grid: style.getPropertyValue('--line').trim(),
        ground: style.getPropertyValue('--surface').trim(),
        limit: style.getPropertyValue('--critical').trim(),
        rem: Number.parseFloat(style.fontSize) || 16,
      },
    });
    return () => {
      chart.current?.destroy();
      chart.current = null;
    };
  }, [hub, series, window, look, onCursor]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new chart and a new history need them again
  useEffect(() => chart.current?.setLimits(limits), [limits, loaded, series, window, look]);

  return <div ref={host} className={classes.canvas} role="img" aria-label={label} data-testid="trend-chart" />;
}
