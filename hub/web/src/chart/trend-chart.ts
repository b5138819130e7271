import uPlot from 'uplot';
import type { BucketGrid } from './bucket-grid.ts';
import type { ChartWindow } from './chart-window.ts';
import { axesOf, scalesOf, seriesOf } from './trend-options.ts';

/** One line of the chart. */
export interface TrendSeries {
  tag: number;
  label: string;
  unit: string;
  type: string;
  color: string;
  grid: BucketGrid;
}

/** A limit to draw on the scale of a unit. */
export interface TrendLimit {
  tag: number;
  value: number;
  label: string;
}

/** Colours and sizes that a canvas cannot take from the style sheet by itself. */
export interface TrendLook {
  text: string;
  grid: string;
  limit: string;
  ground: string;
  /** CSS pixels of 1 rem, so that a wall screen's chart grows with its page. */
  rem: number;
}

/** What is under the crosshair; values in the order of the series. */
export interface TrendCursor {
  at: number;
  values: (number | null)[];
}

export interface TrendChartOptions {
  series: readonly TrendSeries[];
  window: ChartWindow;
  look: TrendLook;
  /** The hub's clock, milliseconds since 1970 UTC. */
  now: () => number;
  onCursor: (cursor: TrendCursor | null) => void;
}

/** Columns in front of which uPlot finds each series: mean, min, max. */
const COLUMNS = 3;
/** A frame of a slowly moving window is not worth more often than this. */
const SLOWEST_MS = 1_000;
/** A mouse forgotten on the chart of a wall screen must not stop it for the rest of the shift. */
const PAUSE_MS = 30_000;

/**
 * A thin hand around uPlot: the lines move on by themselves, drawn in animation frames and only when they have
 * moved by a pixel; with the pointer on the chart they rest, while the grids go on filling.
 */
export class TrendChart {
  private readonly options: TrendChartOptions;
  private readonly host: HTMLElement;
  private readonly plot: uPlot;
  private readonly observer: ResizeObserver;
  private limits: readonly TrendLimit[] = [];
  private frame = 0;
  private drawnAt = 0;
  private paused = false;
  private pointedAt = 0;
  private dirty = true;
  private from = 0;
  private to = 0;

  constructor(host: HTMLElement, options: TrendChartOptions) {
    this.host = host;
    this.options = options;
    const { series, look } = options;
    this.plot = new uPlot(
      {
        width: Math.max(200, host.clientWidth),
        height: Math.max(120, host.clientHeight),
        pxAlign: 0,
        padding: [8, 8, 0, 0],
        legend: { show: false },
        cursor: {
          drag: { x: false, y: false, setScale: false },
          points: { size: 8 },
          dataIdx: (plot, index, closest) => nearestValue(plot.data[index], closest),
        },
        series: seriesOf(series),
        bands: series.map((line, i) => ({
          series: [i * COLUMNS + 3, i * COLUMNS + 2] as uPlot.Band.Bounds,
          fill: `${line.color}33`,
        })),
        scales: scalesOf(
          series,
          () => [this.from / 1_000, this.to / 1_000],
          (scale) => this.limitsOn(scale),
        ),
        axes: axesOf(series, look),
        hooks: {
          draw: [() => this.drawLimits()],
          setCursor: [() => this.tellCursor()],
        },
      },
      this.columns(),
      host,
    );
    this.plot.over.addEventListener('pointermove', this.pause);
    this.plot.over.addEventListener('pointerleave', this.resume);
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(host);
    this.frame = requestAnimationFrame(this.tick);
  }

  destroy(): void {
    cancelAnimationFrame(this.frame);
    this.observer.disconnect();
    this.plot.destroy();
  }

  /** Draws with the next frame, also when the window has not moved by a pixel: something was loaded. */
  touch(): void {
    this.dirty = true;
  }

  setLimits(limits: readonly TrendLimit[]): void {
    this.limits = limits;
    this.dirty = true;
  }

  private readonly pause = (): void => {
    this.paused = true;
    this.pointedAt = performance.now();
  };

  private readonly resume = (): void => {
    this.paused = false;
    this.dirty = true;
    this.plot.setCursor({ left: -10, top: -10 }, false);
    this.options.onCursor(null);
  };

  private readonly tick = (time: number): void => {
    this.frame = requestAnimationFrame(this.tick);
    if (this.paused && time - this.pointedAt < PAUSE_MS) return;
    if (this.paused) this.resume();
    const perPixel = this.options.window.spanMs / Math.max(1, this.plot.bbox.width / devicePixelRatio);
    if (!this.dirty && time - this.drawnAt < Math.min(SLOWEST_MS, perPixel)) return;
    this.drawnAt = time;
    this.dirty = false;
    this.plot.setData(this.columns(), true);
  };

  private columns(): uPlot.AlignedData {
    const { series, window } = this.options;
    this.to = this.options.now();
    this.from = this.to - window.spanMs;
    const length = Math.floor(window.spanMs / window.stepMs) + 2;
    const first = Math.floor(this.from / window.stepMs) * window.stepMs;
    const times = Array.from({ length }, (_, i) => (first + i * window.stepMs) / 1_000);
    const columns = series.flatMap((line) => {
      const { mean, min, max } = line.grid.read(first, length);
      return [mean, min, max];
    });
    return [times, ...columns] as uPlot.AlignedData;
  }

  private resize(): void {
    const { clientWidth: width, clientHeight: height } = this.host;
    if (width > 0 && height > 0) this.plot.setSize({ width, height });
  }

  private limitsOn(scale: string): number[] {
    return this.limits.filter((limit) => this.scaleOf(limit) === scale).map((limit) => limit.value);
  }

  private scaleOf(limit: TrendLimit): string | undefined {
    const index = this.options.series.findIndex((line) => line.tag === limit.tag);
    return index < 0 ? undefined : this.plot.series[index * COLUMNS + 1]?.scale;
  }

  private drawLimits(): void {
    const { ctx, bbox } = this.plot;
    const { look } = this.options;
    for (const limit of this.limits) {
      const scale = this.scaleOf(limit);
      if (!scale) continue;
      const y = this.plot.valToPos(limit.value, scale, true);
      if (!(y >= bbox.top && y <= bbox.top + bbox.height)) continue;
      ctx.save();
      ctx.strokeStyle = look.limit;
      ctx.lineWidth = 1.5 * devicePixelRatio;
      ctx.setLineDash([8 * devicePixelRatio, 5 * devicePixelRatio]);
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
      ctx.font = `600 ${0.75 * look.rem * devicePixelRatio}px system-ui, sans-serif`;
      ctx.textAlign = 'left';
      ctx.textBaseline = 'bottom';
      const left = bbox.left + 8 * devicePixelRatio;
      const height = 1.1 * look.rem * devicePixelRatio;
      ctx.fillStyle = look.ground;
      ctx.globalAlpha = 0.85;
      ctx.fillRect(left - 3, y - height - 3, ctx.measureText(limit.label).width + 6, height);
      ctx.globalAlpha = 1;
      ctx.fillStyle = look.limit;
      ctx.fillText(limit.label, left, y - 3 * devicePixelRatio);
      ctx.restore();
    }
  }

  private tellCursor(): void {
    const { idx, idxs } = this.plot.cursor;
    if (!this.paused || idx === null || idx === undefined) return;
    const values = this.options.series.map((_, i) => {
      const at = idxs?.[i * COLUMNS + 1];
      return at === null || at === undefined ? null : (this.plot.data[i * COLUMNS + 1]?.[at] ?? null);
    });
    this.options.onCursor({ at: (this.plot.data[0][idx] ?? 0) * 1_000, values });
  }
}

/** The bucket to the left that the line at the crosshair comes from; a gap on the way means that there is none. */
function nearestValue(column: ArrayLike<number | null | undefined> | undefined, closest: number): number {
  if (!column) return closest;
  for (let i = closest; i >= 0; i--) {
    if (column[i] === null) return closest;
    if (column[i] !== undefined) return i;
  }
  return closest;
}
