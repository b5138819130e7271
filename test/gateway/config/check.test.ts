/** `gateway check` as whoever deploys a gateway runs it. */
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { tempDir } from '../../services/temp-dir.ts';
import { typed } from '../../services/typed.ts';

const ROOT = resolve(import.meta.dirname, '../../..');

const SOUND = `gateway: { id: line-1 }
hub: { url: "mqtt://hub.example:1883", passwordFile: password }
devices:
  - id: pump
    driver: modbus
    host: 192.0.2.1
    tags:
      - { name: temperature, address: "holding:0", type: int16 }
models:
  - { id: anomaly, file: pump-anomaly.json, inputs: { INPUT: pump/temperature }, stepMs: 1000 }
alarms:
  - { id: hot, tag: pump/temperature, message: Too hot, above: 80 }
  - { id: odd, tag: pump/anomaly.score, message: Unusual, above: 1 }
`;

async function gateway(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, out, err } = await typed('gateway/main.ts', ...args);
  return { code, stdout: out, stderr: err };
}

/** A configuration with the repository's own model beside it; returns the file. */
async function soundConfig(): Promise<{ dir: string; file: string }> {
  const dir = await tempDir();
  for (const file of ['pump-anomaly.json', 'pump-anomaly.onnx']) {
    await cp(join(ROOT, 'config/models', file), join(dir, file));
  }
  const manifest = JSON.parse(await readFile(join(dir, 'pump-anomaly.json'), 'utf8')) as {
    inputs: { name: string }[];
  };
  const file = join(dir, 'gateway.yaml');
  await writeFile(file, SOUND.replace('INPUT', manifest.inputs[0]!.name));
  return { dir, file };
}

describe('gateway check', { timeout: 20_000 }, () => {
  test('a sound configuration is one line on stdout and exit 0', async () => {
    const { file } = await soundConfig();
    const { code, stdout, stderr } = await gateway('check', '--config', file);
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: `${file}: sound; 1 devices, 1 tags, 1 models, 2 alarms\n`,
      stderr: '',
    });
  });

  test('what is to be doubted is told, and nothing fails', async () => {
    const { file } = await soundConfig();
    const serial = 'transport: rtu, serial: { path: /dev/ttyS1, baudRate: 9600 }, pollMs: 100';
    const slow = `  - { id: meter, driver: modbus, ${serial}, tags: [{ name: e, address: 40001, type: uint16, count: 125 }] }\n`;
    await writeFile(file, (await readFile(file, 'utf8')).replace('models:\n', `${slow}models:\n`));
    const { code, stdout, stderr } = await gateway('check', '--config', file);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: `${file}: sound; 2 devices, 126 tags, 1 models, 2 alarms\n`,
    });
    expect(stderr).toMatch(
      /^[^\n]+gateway\.yaml:9: warning: device "meter": the periods on \/dev\/ttyS1 cannot be kept/,
    );
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  test('every mistake is a line on stderr and exit 1', async () => {
    const { file } = await soundConfig();
    await writeFile(file, (await readFile(file, 'utf8')).replace('above: 80', 'abov: 80').replace('int16', 'int17'));
    const { code, stdout, stderr } = await gateway('check', '--config', file);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(`${file}:8: device "pump", tag "temperature": "type" is "int17", but must be one of`);
    expect(stderr).toContain(`${file}:12: alarm "hot": unknown key "abov"; did you mean "above"?`);
    expect(stderr.trim().split('\n').at(-1)).toBe('2 problems found');
  });

  test('a model that is missing, damaged or fed otherwise is named with its line', async () => {
    const { dir, file } = await soundConfig();
    const model = (id: string, manifest: string) =>
      `  - { id: ${id}, file: ${manifest}, inputs: { nothing: pump/temperature }, stepMs: 1000 }\n`;
    await cp(join(dir, 'pump-anomaly.json'), join(dir, 'other-input.json'));
    await writeFile(join(dir, 'cut.json'), '{ "format": ');
    const lines = `models:\n${model('gone', 'nowhere.json')}${model('cut', 'cut.json')}${model('fed', 'other-input.json')}`;
    await writeFile(file, (await readFile(file, 'utf8')).replace('models:\n', lines));
    await writeFile(join(dir, 'pump-anomaly.onnx'), 'not a model');
    const { code, stderr } = await gateway('check', '--config', file);
    expect(code).toBe(1);
    const said = stderr.split('\n');
    expect(said[0]).toContain(`${file}:10: model "gone": cannot read the model file ${dir}/nowhere.json`);
    expect(said[1]).toContain(`${file}:11: model "cut": ${dir}/cut.json is not whole JSON`);
    expect(said[2]).toContain(`${file}:12: model "fed": ${dir}/pump-anomaly.onnx (11 bytes) is not the file that`);
  });

  test('a model that is fed other inputs than it has is told which', async () => {
    const { file } = await soundConfig();
    await writeFile(file, (await readFile(file, 'utf8')).replace(/inputs: \{ \w+/, 'inputs: { nothing'));
    const { code, stderr } = await gateway('check', '--config', file);
    expect(code).toBe(1);
    expect(stderr).toContain(`${file}:10: model "anomaly": model anomaly, inputs: no tag for`);
  });

  test('wrong arguments are answered with the usage and exit 2', async () => {
    const wrong = [[], ['check'], ['frobnicate', '--config', 'x'], ['check', '--confg', 'x']];
    for (const { code, stdout, stderr } of await Promise.all(wrong.map((args) => gateway(...args)))) {
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toContain('usage: gateway ');
    }
  });
});
