// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the configuration's own way to write a variable
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigDocument, ConfigError, formatProblem } from '@lineside/shared/config/config-document.ts';
import { nearest, readSecret, validate } from '@lineside/shared/config/validate.ts';
import { Type } from 'typebox';
import { describe, expect, test } from 'vitest';
import { tempDir } from '../../services/temp-dir.ts';

const closed = { additionalProperties: false };
const Plain = Type.Object(
  {
    port: Type.Integer({ default: 8081 }),
    on: Type.Boolean({ default: true }),
    name: Type.Optional(Type.String({ pattern: '^[a-z]+$' })),
    parts: Type.Array(Type.Object({ size: Type.Number() }, closed), { default: [] }),
    by: Type.Record(Type.String(), Type.String(), { default: {} }),
  },
  closed,
);

function read(text: string, env: NodeJS.ProcessEnv = {}) {
  const { value, problems } = validate(ConfigDocument.parse('it.yaml', text, env), Plain);
  return { value, problems: problems.map(formatProblem) };
}

describe('environment variables', () => {
  test('an unquoted one is what its text would be, a quoted one stays text', () => {
    const document = ConfigDocument.parse(
      'it.yaml',
      'a: ${P:-8081}\nb: "${P:-8081}"\nc: ${OFF}\nd: "${OFF}"\ne: mqtt://${H}:${P:-1883}\nf: ${N:--0.5}\ng: \'${OFF}\'\n',
      { OFF: 'false', H: 'hub' },
    );
    expect(document.value).toEqual({
      ...{ a: 8081, b: '8081', c: false, d: 'false' },
      ...{ e: 'mqtt://hub:1883', f: -0.5, g: 'false' },
    });
  });

  test('an empty default is allowed, an unset variable is named with its line', () => {
    expect(ConfigDocument.parse('it.yaml', 'a: "x${NO:-}y"', {}).value).toEqual({ a: 'xy' });
    const said = () => ConfigDocument.parse('it.yaml', 'a: 1\nb:\n  - ${NO}\n', {});
    expect(said).toThrow('it.yaml:3: the environment variable NO is not set; set it or write ${NO:-default}');
  });

  test('what comes in by a variable is not expanded again', () => {
    expect(ConfigDocument.parse('it.yaml', 'a: ${A}', { A: '${B}', B: 'no' }).value).toEqual({ a: '${B}' });
  });
});

describe('validate', () => {
  test('fills in defaults and leaves the document as it was', () => {
    const document = ConfigDocument.parse('it.yaml', 'port: 1', {});
    expect(validate(document, Plain).value).toEqual({ port: 1, on: true, parts: [], by: {} });
    expect(document.value).toEqual({ port: 1 });
  });

  test('says the line of the key, also within lists and for keys that look like numbers', () => {
    const text = 'port: 1\nparts:\n  - size: 2\n  - size:\n      much\nby:\n  7: 3\n"on": 1\n';
    expect(read(text).problems).toEqual([
      'it.yaml:8: "on" is 1, but must be a boolean',
      'it.yaml:4: part 2: "size" is "much", but must be a number',
      'it.yaml:7: "7" is 3, but must be a string',
    ]);
  });

  test('an address within a message does not show its password, and a long value is cut', () => {
    expect(read('port: mqtt://me:secret@hub').problems[0]).not.toContain('secret');
    expect(read(`port: ${'x'.repeat(500)}`).problems[0]!.length).toBeLessThan(150);
  });

  test('aliases that unfold without end are refused, not unfolded', () => {
    const bomb = Array.from({ length: 12 }, (_, i) => `a${i}: &a${i} [${`*a${i - 1}, `.repeat(9)}]`).slice(1);
    const said = () => ConfigDocument.parse('it.yaml', `a0: &a0 [x]\n${bomb.join('\n')}\n`, {});
    expect(said).toThrow(ConfigError);
    expect(said).toThrow('it.yaml:1: not valid YAML: Excessive alias count');
  });
});

describe('nearest', () => {
  const known = ['above', 'below', 'onDelayMs', 'tag', 'id'];
  test.each([
    ['abov', 'above'],
    ['ABOVE', 'above'],
    ['onDelay', 'onDelayMs'],
    ['tga', 'tag'],
    ['di', undefined],
    ['hysteresis', undefined],
    ['', undefined],
  ])('%s → %s', (word, expected) => expect(nearest(word, known)).toBe(expected));
});

describe('readSecret', () => {
  test('gives the content without the line end', async () => {
    const file = join(await tempDir(), 'password');
    await writeFile(file, 'pass word\n');
    expect(readSecret(file)).toBe('pass word');
  });

  test('an empty or missing file is named', async () => {
    const dir = await tempDir();
    await writeFile(join(dir, 'empty'), '\n');
    expect(() => readSecret(join(dir, 'empty'))).toThrow(`${dir}/empty is empty; write the password into it`);
    expect(() => readSecret(join(dir, 'gone'))).toThrow(`cannot read the secret in ${dir}/gone: ENOENT`);
    expect(() => readSecret(dir)).toThrow(`cannot read the secret in ${dir}: EISDIR`);
  });
});
