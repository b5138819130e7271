import uPlot from 'uplot';
import type { TrendLook, TrendSeries } from './trend-chart.ts';

/** Tags of one unit share a scale; a tag without a unit has its own, for a count and a state compare to nothing. */
function scaleKey(line: TrendSeries): string {
  return line.unit === '' ? `tag ${line.tag}` : line.unit;
}

const isStepped = (line: TrendSeries): boolean => line.type === 'boolean' || line.type === 'integer';

/** Time, then mean, min and max of each line; the last two only carry the band between them. */
export function seriesOf(lines: readonly TrendSeries[]): uPlot.Series[] {
  const edge: uPlot.Series = { stroke: 'transparent', width: 0, points: { show: false } };
  return [
    {},
    ...lines.flatMap((line): uPlot.Series[] => {
      const scale = scaleKey(line);
      const paths = isStepped(line) ? uPlot.paths.stepped?.({ align: 1 }) : uPlot.paths.linear?.();
      return [
        { scale, label: line.label, stroke: line.color, width: 2, paths, points: { show: false } },
        { ...edge, scale, paths },
        { ...edge, scale, paths },
      ];
    }),
  ];
}

/** One scale for each unit that makes room for the limits drawn on it. */
export function scalesOf(
  lines: readonly TrendSeries[],
  timeRange: () => [number, number],
  limitsOn: (scale: string) => number[],
): uPlot.Scales {
  const scales: uPlot.Scales = { x: { time: true, range: timeRange } };
  for (const line of lines) {
    const key = scaleKey(line);
    scales[key] ??= {
      range: (_plot, dataMin, dataMax) => {
        if (line.type === 'boolean') return [-0.1, 1.1];
        const limits = limitsOn(key);
        const low = Math.min(dataMin ?? Number.POSITIVE_INFINITY, ...limits);
        const high = Math.max(dataMax ?? Number.NEGATIVE_INFINITY, ...limits);
        if (!Number.isFinite(low) || !Number.isFinite(high)) return [0, 1];
        return uPlot.rangeNum(low, high, 0.12, true);
      },
    };
  }
  return scales;
}

/** The time below, the first unit on the left, the second on the right; a third has no room and stands in the legend. */
export function axesOf(lines: readonly TrendSeries[], look: TrendLook): uPlot.Axis[] {
  const font = `${0.78 * look.rem}px system-ui, sans-serif`;
  const ticks = { show: false };
  const axes: uPlot.Axis[] = [
    {
      font,
      ticks,
      stroke: look.text,
      grid: { stroke: look.grid, width: 1 },
      size: 1.9 * look.rem,
      space: 4.6 * look.rem,
      incrs: TIME_STEPS,
      values: (_plot, splits, _axis, _space, step) =>
        splits.map((seconds) => (step < 60 ? clock : clockShort).format(seconds * 1_000)),
    },
  ];
  const keys = [...new Set(lines.map(scaleKey))];
  keys.slice(0, 2).forEach((scale, index) => {
    const own = lines.filter((line) => scaleKey(line) === scale);
    axes.push({
      scale,
      font,
      ticks,
      side: index === 0 ? 3 : 1,
      stroke: own.length === 1 && keys.length > 1 ? own[0]!.color : look.text,
      grid: { show: index === 0, stroke: look.grid, width: 1 },
      space: 2.4 * look.rem,
      size: (_plot, values) => (1.2 + 0.52 * Math.max(2, ...(values ?? []).map((text) => text.length))) * look.rem,
      values: (_plot, splits) => splits.map((value) => axisNumber(value, own[0]?.type === 'boolean')),
    });
  });
  return axes;
}

/** Distances of the time axis' lines, seconds: round to whoever reads a clock. */
const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400];
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const clockShort = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });

const axisFormat = new Intl.NumberFormat(undefined, { maximumFractionDigits: 3 });

function axisNumber(value: number, boolean: boolean): string {
  if (boolean) return value === 0 ? 'Off' : value === 1 ? 'On' : '';
  return axisFormat.format(value);
}
