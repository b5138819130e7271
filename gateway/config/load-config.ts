/** Reads the gateway's YAML and finds every mistake that can be found without touching a device. */
import {
  ConfigDocument,
  ConfigError,
  type ConfigPath,
  type ConfigProblem,
} from '@lineside/shared/config/config-document.ts';
import { nearest, validate } from '@lineside/shared/config/validate.ts';
import type { ValueType } from '@lineside/shared/contracts/frame.ts';
import { checkEndpoint } from '@lineside/shared/mqtt/endpoint.ts';
import { type AlarmConfig, checkAlarm } from '../alarms/config.ts';
import type { ExpandedTag } from '../drivers/driver.ts';
import { drivers } from '../drivers/registry.ts';
import { type ModelConfig, outputOf, parseTagPath } from '../models/config.ts';
import { checkHubLink } from '../publisher/config.ts';
import { checkSparkplug } from '../sparkplug/config.ts';
import { type CommonTag, checkTag, typeAfter } from '../tags/config.ts';
import { checkUnsParts } from './check-uns.ts';
import { deviceSchemaOf, GatewayConfig } from './schema.ts';

export interface TagEntry extends CommonTag {
  type: ValueType;
  /** The tag with all its settings, for the driver. */
  settings: unknown;
}

export interface DeviceEntry {
  id: string;
  driver: string;
  settings: unknown;
  tags: TagEntry[];
}

export interface LoadedConfig extends Omit<GatewayConfig, 'devices'> {
  file: string;
  /** Of its text. */
  sha256: string;
  devices: DeviceEntry[];
  /** What can work and is to be doubted. */
  warnings: ConfigProblem[];
  /** A path of the configuration, taken from the folder of its file. */
  resolvePath(path: string): string;
  /** A mistake that is found later, with the line of `path` in the file. */
  problem(path: ConfigPath, message: string): ConfigProblem;
}

/** @throws ConfigError with every problem: file, line, device, tag and what to do. */
export function loadConfig(file: string): LoadedConfig {
  return configOf(ConfigDocument.load(file));
}

export function configOf(document: ConfigDocument): LoadedConfig {
  const { value, problems } = validate(document, GatewayConfig);
  const warnings: ConfigProblem[] = [];
  const devices = listOf(value, 'devices').map((_device, index) => readDevice(document, index, problems, warnings));
  checkReferences(document, value, problems);
  checkNumbers(document, value, devices, problems);
  // What they need of the rest is only known when all of it has its form.
  if (problems.length === 0) checkUnsParts(document, value, devices, problems, warnings);
  if (problems.length > 0) throw new ConfigError(problems.sort((a, b) => a.line - b.line));
  warnings.push(...doubtsOf(document, devices));
  return {
    ...value,
    devices,
    warnings: warnings.sort((a, b) => a.line - b.line),
    file: document.file,
    sha256: document.sha256,
    resolvePath: (path) => document.resolvePath(path),
    problem: (path, message) => document.problem(path, message),
  };
}

function readDevice(
  document: ConfigDocument,
  index: number,
  problems: ConfigProblem[],
  warnings: ConfigProblem[],
): DeviceEntry {
  const at: ConfigPath = ['devices', index];
  const driver = textOf(listOf(document.value, 'devices')[index], 'driver');
  const schema = deviceSchemaOf(driver);
  const module = drivers[driver];
  const empty = { id: '', driver, settings: {}, tags: [] };
  if (!schema || !module) return empty;
  const read = validate(document, schema, at);
  // The common part was checked before; the same mistake is told once.
  const told = new Set(problems.map((problem) => `${problem.line} ${problem.message}`));
  problems.push(...read.problems.filter((problem) => !told.has(`${problem.line} ${problem.message}`)));
  checkUnique(document, [...at, 'tags'], 'name', listOf(read.value, 'tags'), problems);

  const { tags: _tags, ...settings } = read.value as { id: string; tags: unknown };
  const tags = listOf(read.value, 'tags') as (CommonTag & Record<string, unknown>)[];
  // A driver is only asked about what has the right form, but about all of that.
  const sound = tags.map((_tag, position) => position).filter((p) => !isBroken(read.problems, [...at, 'tags', p]));
  const inTags = read.problems.filter(({ path }) => path[at.length] === 'tags' && path.length > at.length + 1);
  if (inTags.length < read.problems.length) return empty;
  const found = module.check(
    settings as never,
    sound.map((position) => ({ name: tags[position]!.name, settings: tags[position] as never })),
  );
  const before = problems.length;
  for (const { tag, field, message, warning } of found) {
    const path = tag === undefined ? [...at, field] : [...at, 'tags', sound[tag]!, field];
    (warning ? warnings : problems).push(document.problem(path, message));
  }
  for (const position of sound) {
    for (const { field, message } of checkTag(tags[position]!, module.valueType(tags[position] as never))) {
      problems.push(document.problem([...at, 'tags', position, field], message));
    }
  }
  if (read.problems.length > 0 || problems.length > before) return empty;
  return {
    id: settings.id,
    driver,
    settings,
    tags: tags.flatMap((tag) =>
      expand(driver, tag).map(({ suffix, settings: own }) => ({
        ...tag,
        name: tag.name + suffix,
        settings: own,
        type: typeAfter(tag, module.valueType(own as never)),
      })),
    ),
  };
}

/** The tags that one entry of the list stands for: itself, when its driver does not say otherwise. */
function expand(driver: string, tag: unknown): ExpandedTag[] {
  const expanded = drivers[driver]?.expand?.(tag as never) ?? [];
  return expanded.length > 0 ? expanded : [{ suffix: '', settings: tag }];
}

/** What each driver doubts of all its devices together. */
function doubtsOf(document: ConfigDocument, devices: DeviceEntry[]): ConfigProblem[] {
  return Object.values(drivers).flatMap((module) => {
    const own = devices
      .map((device, index) => ({ device, index }))
      .filter(({ device }) => device.driver === module.kind);
    const checked = own.map(({ device }) => ({
      id: device.id,
      settings: device.settings as never,
      tags: device.tags.map(({ name, settings }) => ({ name, settings: settings as never })),
    }));
    const found = module.doubts?.(checked) ?? [];
    return found.map(({ device, field, message }) =>
      document.problem(['devices', own[device]!.index, field], message),
    );
  });
}

/**
 * What one part says of another. Works on a configuration with mistakes too, so that all are told at once: what a
 * broken part is called counts, what else it says does not.
 */
function checkReferences(document: ConfigDocument, config: GatewayConfig, problems: ConfigProblem[]): void {
  const formal = [...problems];
  for (const list of ['devices', 'models', 'alarms']) {
    checkUnique(document, [list], 'id', listOf(config, list), problems);
  }
  if (config.hub && !formal.some(({ path }) => path[0] === 'hub')) {
    for (const { path, message } of [...checkEndpoint(config.hub), ...checkHubLink(config.hub)])
      problems.push(document.problem(['hub', ...path], message));
  }
  if (config.sparkplug && !formal.some(({ path }) => path[0] === 'sparkplug')) {
    for (const { path, message } of checkSparkplug(config.sparkplug))
      problems.push(document.problem(['sparkplug', ...path], message));
  }
  const devices = new Set(listOf(document.value, 'devices').map((device) => textOf(device, 'id')));
  const known = new Set(
    listOf(document.value, 'devices').flatMap((device, index) => {
      const driver = textOf(device, 'driver');
      const tooMany = formal.some(({ path }) => path.join() === `devices,${index},tags`);
      return listOf(device, 'tags').flatMap((tag, position) => {
        const name = `${textOf(device, 'id')}/${textOf(tag, 'name')}`;
        if (tooMany || isBroken(formal, ['devices', index, 'tags', position])) return [name];
        return expand(driver, tag).map(({ suffix }) => name + suffix);
      });
    }),
  );
  const models = listOf(config, 'models') as ModelConfig[];
  const outputs: string[] = [];
  models.forEach((model, index) => {
    if (isBroken(formal, ['models', index])) return;
    for (const [input, path] of Object.entries(model.inputs)) {
      if (known.has(path)) continue;
      problems.push(document.problem(['models', index, 'inputs', input], unknownTag(path, known)));
    }
    const { device, tag } = outputOf(model);
    const output = `${device}/${tag}`;
    const at: ConfigPath = model.output === undefined ? ['models', index] : ['models', index, 'output'];
    if (model.output !== undefined && !devices.has(device)) {
      problems.push(document.problem(at, `there is no device "${device}" for its output; write device/tag`));
    }
    if (known.has(output) || outputs.includes(output) || tag.startsWith('$')) {
      problems.push(document.problem(at, `its output ${output} is a tag already; set another output`));
    }
    outputs.push(output);
  });
  for (const output of outputs) known.add(output);
  const alarms = listOf(config, 'alarms') as AlarmConfig[];
  alarms.forEach((alarm, index) => {
    if (isBroken(formal, ['alarms', index])) return;
    // The score of a model that is itself in need of mending is not reported missing.
    const fromBrokenModel = models.some(
      (model, at) => isBroken(problems, ['models', at]) && scores(model, alarm.tag),
    );
    if (!known.has(alarm.tag) && !fromBrokenModel) {
      problems.push(document.problem(['alarms', index, 'tag'], unknownTag(alarm.tag, known)));
    }
    for (const { field, message } of checkAlarm(alarm)) {
      problems.push(document.problem(['alarms', index, field], message));
    }
  });
}

/** An alarm on a text would never be raised, and nobody would know; a model would never be fed. */
function checkNumbers(
  document: ConfigDocument,
  config: GatewayConfig,
  devices: DeviceEntry[],
  problems: ConfigProblem[],
): void {
  const texts = new Set(
    devices.flatMap(({ id, tags }) => tags.filter((tag) => tag.type === 'string').map(({ name }) => `${id}/${name}`)),
  );
  if (texts.size === 0) return;
  const refuse = (at: ConfigPath, path: string, who: string) => {
    if (!texts.has(path)) return;
    const message = `the values of ${path} are texts, and ${who} numbers: take another tag, or one of the same address without enum`;
    problems.push(document.problem(at, message));
  };
  listOf(config, 'alarms').forEach((alarm, index) => {
    refuse(['alarms', index, 'tag'], textOf(alarm, 'tag'), 'alarms compare');
  });
  listOf(config, 'models').forEach((model, index) => {
    const inputs = (model as Partial<ModelConfig> | null)?.inputs ?? {};
    for (const [input, path] of Object.entries(inputs)) {
      refuse(['models', index, 'inputs', input], String(path), 'models take');
    }
  });
}

function scores(model: unknown, tag: string): boolean {
  return textOf(model, 'output') === tag || tag.endsWith(`/${textOf(model, 'id')}.score`);
}

/** Whether one of the problems lies within the part at `path`. */
function isBroken(problems: ConfigProblem[], path: ConfigPath): boolean {
  return problems.some(
    (problem) => problem.path.length >= path.length && path.every((p, i) => problem.path[i] === p),
  );
}

function checkUnique(
  document: ConfigDocument,
  at: ConfigPath,
  field: 'id' | 'name',
  entries: unknown[],
  problems: ConfigProblem[],
): void {
  const first = new Map<string, number>();
  entries.forEach((entry, index) => {
    const name = textOf(entry, field);
    const other = first.get(name);
    if (name === '' || other === undefined) {
      first.set(name, index);
      return;
    }
    const line = document.lineOf([...at, other, field]);
    const message = `the ${field} "${name}" is taken in line ${line}; give it another`;
    problems.push(document.problem([...at, index, field], message));
  });
}

/** The list `key` of something that may not have the right form; empty when there is none. */
function listOf(holder: unknown, key: string): unknown[] {
  const list = (holder as Record<string, unknown> | null | undefined)?.[key];
  return Array.isArray(list) ? list : [];
}

function textOf(holder: unknown, key: string): string {
  const text = (holder as Record<string, unknown> | null | undefined)?.[key];
  return typeof text === 'string' ? text : '';
}

function unknownTag(path: string, known: Set<string>): string {
  const { device, tag } = parseTagPath(path);
  const same = [...known]
    .filter((name) => name.startsWith(`${device}/`))
    .map((name) => name.slice(device.length + 1));
  if (same.length === 0) return `there is no tag "${path}": no device "${device}"; write device/tag`;
  const near = nearest(tag, same);
  const hint = near ? `did you mean "${device}/${near}"?` : `tags of ${device}: ${same.slice(0, 8).join(', ')}`;
  return `there is no tag "${path}"; ${hint}`;
}
