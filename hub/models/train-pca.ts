/**
 * npm run train -- [--recording FILE] [--anomalies FILE] [--out PATH] and the settings below.
 * Writes PATH.onnx and PATH.json; the last line on stdout is one JSON object of figures.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { readAnomalies, readRecording } from './recording.ts';
import { manifestText, trainAnomalyModel } from './train-anomaly-model.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const USAGE = `usage: npm run train -- [options]
  --recording FILE   CSV, plain or .gz: "timestamp,<signal>,…"  (the pump's recording)
  --anomalies FILE   labelled anomalies, JSON              (anomalies.json beside the recording, when there)
  --out PATH         writes PATH.onnx and PATH.json        (config/models/pump-anomaly)
  --inputs LIST      name[:unit] of each signal            (temperature)
  --days N           days from the beginning to train on   (7)
  --rows N           rows in a window                      (36)
`;

const say = (text: string): boolean => process.stdout.write(`${text}\n`);

function positive(name: string, text: string): number {
  const n = Number(text);
  if (Number.isInteger(n) && n > 0) return n;
  throw new LinesideError('TRAIN_OPTION', 'config', `--${name} ${text}: expected a whole number above 0`);
}

function options() {
  const { values } = parseArgs({
    options: {
      recording: { type: 'string', default: join(ROOT, 'demo/data/nab/machine_temperature_system_failure.csv.gz') },
      anomalies: { type: 'string' },
      out: { type: 'string', default: join(ROOT, 'config/models/pump-anomaly') },
      inputs: { type: 'string', default: '' },
      days: { type: 'string', default: '7' },
      rows: { type: 'string', default: '36' },
      help: { type: 'boolean', default: false },
    },
  });
  return values;
}

function main(): void {
  const started = performance.now();
  const given = options();
  if (given.help) {
    process.stdout.write(USAGE);
    return;
  }
  const recording = readRecording(given.recording);
  const beside = join(dirname(given.recording), 'anomalies.json');
  const labels = given.anomalies ?? (existsSync(beside) ? beside : undefined);
  const anomalies = labels === undefined ? [] : readAnomalies(labels);
  say(`${recording.file}: ${recording.rows.length} rows, ${recording.stepMs / 1000} s apart, ${recording.signals}`);

  const names = given.inputs || (recording.signals.join() === 'value' ? 'temperature' : recording.signals.join());
  const inputs = names.split(',').map((text) => {
    const [name = '', unit = ''] = text.split(':');
    return { name, unit };
  });
  if (inputs.length !== recording.signals.length) {
    throw new LinesideError(
      'TRAIN_OPTION',
      'config',
      `--inputs ${names}: ${inputs.length} name(s) for the ${recording.signals.length} signal(s) of ${given.recording}`,
    );
  }
  const name = basename(given.out);
  const { onnx, manifest, monitor, figures } = trainAnomalyModel(
    recording,
    anomalies,
    {
      name,
      description: `How unlike its healthy past the recent course of ${inputs.map((i) => i.name).join(', ')} is.`,
      inputs,
      rows: positive('rows', given.rows),
      trainingDays: positive('days', given.days),
      blockRows: 6,
      differences: 3,
      explainedVariance: 0.9,
      t2Quantile: 0.995,
      qQuantile: 1,
      qMargin: 2,
      alarmRows: 3,
    },
    `${name}.onnx`,
  );
  for (const range of manifest.trainedOn.ranges)
    say(`  ${range.purpose}: ${range.from} … ${range.to}, ${range.windows}`);
  say(
    `${monitor.components} components of ${monitor.weights.length} explain ${(monitor.explained * 100).toFixed(1)} %`,
  );
  for (const a of figures.anomalies) {
    const when = a.detected
      ? `alarm ${a.afterBeginHours} h after its begin, ${a.beforeMiddleHours} h before its middle`
      : 'missed';
    say(`anomaly ${a.from}: ${when}; greatest score ${a.greatestScore}`);
  }
  say(`false alarms: ${figures.falseAlarms}, ${figures.falseAlarmHoursPerWeek} h a week of healthy time`);

  mkdirSync(dirname(resolve(given.out)), { recursive: true });
  writeFileSync(`${given.out}.onnx`, onnx);
  writeFileSync(`${given.out}.json`, manifestText(manifest));
  say(
    JSON.stringify({
      out: relative(process.cwd(), resolve(given.out)),
      sha256: manifest.onnx.sha256,
      onnxBytes: onnx.length,
      seconds: Math.round((performance.now() - started) / 10) / 100,
      ...figures,
    }),
  );
}

try {
  main();
} catch (error) {
  if (error instanceof LinesideError && error.blame === 'config') console.error(error.message);
  else if (error instanceof TypeError && 'code' in error) console.error(`${messageOf(error)}\n${USAGE}`);
  else throw error;
  process.exitCode = 1;
}
