/** How good a score is as an alarm: what it finds, how early, and how often it cries for nothing. */
import type { TimeRange } from './recording.ts';

export interface Scored {
  /** Time of the window's newest row, milliseconds since 1970 UTC. */
  at: number;
  score: number;
}

interface Detection {
  from: string;
  to: string;
  detected: boolean;
  /** From the label's begin to the alarm; null when missed. */
  afterBeginHours: number | null;
  /** From the alarm to the label's middle, where the failure itself was marked; negative is after it. */
  beforeMiddleHours: number | null;
  greatestScore: number;
}

export interface DetectionFigures {
  alarmRule: { above: number; rows: number };
  anomalies: Detection[];
  detected: number;
  /** Outside the labels and after `evaluatedFrom`. */
  falseAlarmHours: number;
  falseAlarms: number;
  healthyHours: number;
  falseAlarmHoursPerWeek: number;
  evaluatedFrom: string;
}

const HOUR = 3_600_000;
const WEEK_HOURS = 168;
const round = (x: number): number => Math.round(x * 1000) / 1000;
const iso = (at: number): string => new Date(at).toISOString();

/**
 * Plays an alarm (`rows` windows in a row above 1) over the scores.
 * @param evaluatedFrom windows before it made the model, so they do not count as evidence against false alarms.
 */
export function detectionFigures(
  scored: Scored[],
  anomalies: TimeRange[],
  stepMs: number,
  evaluatedFrom: number,
  rows: number,
): DetectionFigures {
  const alarmed: boolean[] = [];
  let run = 0;
  let last = Number.NEGATIVE_INFINITY;
  for (const { at, score } of scored) {
    run = score > 1 ? (at - last === stepMs ? run + 1 : 1) : 0;
    last = at;
    alarmed.push(run >= rows);
  }
  let healthy = 0;
  let falseRows = 0;
  let falseAlarms = 0;
  let inFalseAlarm = false;
  scored.forEach(({ at }, i) => {
    const labelled = anomalies.some((a) => at >= a.from && at <= a.to);
    if (labelled || at < evaluatedFrom) {
      inFalseAlarm = false;
      return;
    }
    healthy += 1;
    if (alarmed[i]) falseRows += 1;
    if (alarmed[i] && !inFalseAlarm) falseAlarms += 1;
    inFalseAlarm = alarmed[i]!;
  });
  const detections = anomalies.map((a): Detection => {
    const inside = scored.filter((s) => s.at >= a.from && s.at <= a.to);
    const first = scored.find((s, i) => s.at >= a.from && s.at <= a.to && alarmed[i]);
    return {
      from: iso(a.from),
      to: iso(a.to),
      detected: first !== undefined,
      afterBeginHours: first ? round((first.at - a.from) / HOUR) : null,
      beforeMiddleHours: first ? round(((a.from + a.to) / 2 - first.at) / HOUR) : null,
      greatestScore: round(inside.reduce((max, s) => Math.max(max, s.score), 0)),
    };
  });
  const healthyHours = (healthy * stepMs) / HOUR;
  const falseAlarmHours = (falseRows * stepMs) / HOUR;
  return {
    alarmRule: { above: 1, rows },
    anomalies: detections,
    detected: detections.filter((d) => d.detected).length,
    falseAlarmHours: round(falseAlarmHours),
    falseAlarms,
    healthyHours: round(healthyHours),
    falseAlarmHoursPerWeek: healthyHours > 0 ? round((falseAlarmHours / healthyHours) * WEEK_HOURS) : 0,
    evaluatedFrom: iso(evaluatedFrom),
  };
}
