/** A span that the chart shows. The step divides it into 600 to 720 buckets: about one for two pixels. */
export interface ChartWindow {
  label: string;
  /** In words, for a screen reader. */
  words: string;
  spanMs: number;
  stepMs: number;
}

export const CHART_WINDOWS: readonly ChartWindow[] = [
  { label: '1 min', words: 'last minute', spanMs: 60_000, stepMs: 100 },
  { label: '5 min', words: 'last 5 minutes', spanMs: 300_000, stepMs: 500 },
  { label: '15 min', words: 'last 15 minutes', spanMs: 900_000, stepMs: 1_250 },
  { label: '60 min', words: 'last hour', spanMs: 3_600_000, stepMs: 5_000 },
  { label: '8 h', words: 'last 8 hours', spanMs: 28_800_000, stepMs: 40_000 },
];

/** How many tags one chart shows at once: more colours than this cannot be told apart by everyone. */
export const CHART_TAGS_MAX = 4;
