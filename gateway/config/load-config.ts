/** Reads the gateway's YAML and finds every mistake that can be found without touching a device. */
import {
  ConfigDocument,
  ConfigError,
  type ConfigPath,
  type ConfigProblem,
} from '@lineside/shared/config/config-document.ts';
import { nearest, validate } from '@lineside/shared/config/validate.ts';
import type { ValueType } from '@lineside/shared/contracts/frame.ts';
import { checkAlarm } from '../alarms/config.ts';
import { drivers } from '../drivers/registry.ts';
import { outputOf, parseTagPath } from '../models/config.ts';
import type { CommonTag } from '../tags/config.ts';
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
  devices: DeviceEntry[];
  /** A path of the configuration, taken from the folder of its file. */
  resolvePath(path: string): string;
}

/** @throws ConfigError with every problem: file, line, device, tag and what to do. */
export function loadConfig(file: string): LoadedConfig {
  return configOf(ConfigDocument.load(file));
}

export function configOf(document: ConfigDocument): LoadedConfig {
  const { value, problems } = validate(document, GatewayConfig);
  const devices = Array.isArray(value.devices)
    ? value.devices.map((device, index) => readDevice(document, index, String(device?.driver), problems))
    : [];
  if (problems.length === 0) checkReferences(document, value, devices, problems);
  if (problems.length > 0) throw new ConfigError(problems.sort((a, b) => a.line - b.line));
  return { ...value, devices, file: document.file, resolvePath: (path) => document.resolvePath(path) };
}

function readDevice(document: ConfigDocument, index: number, driver: string, problems: ConfigProblem[]): DeviceEntry {
  const empty = { id: '', driver, settings: {}, tags: [] };
  const schema = deviceSchemaOf(driver);
  if (!schema) return empty;
  const at: ConfigPath = ['devices', index];
  const read = validate(document, schema, at);
  if (read.problems.length > 0) {
    // The common part was checked before; the same mistake is told once.
    const told = new Set(problems.map((problem) => `${problem.line} ${problem.message}`));
    problems.push(...read.problems.filter((problem) => !told.has(`${problem.line} ${problem.message}`)));
    return empty;
  }
  const { tags, ...settings } = read.value as { id: string; tags: (CommonTag & Record<string, unknown>)[] };
  checkNames(document, at, tags, problems);
  const module = drivers[driver]!;
  const found = module.check(
    settings as never,
    tags.map((tag) => ({ name: tag.name, settings: tag as never })),
  );
  for (const { tag, field, message } of found) {
    const path = tag === undefined ? [...at, field] : [...at, 'tags', tag, field];
    problems.push(document.problem(path, message));
  }
  if (found.length > 0) return empty;
  return {
    id: settings.id,
    driver,
    settings,
    tags: tags.map((tag) => ({ ...tag, settings: tag, type: typeOf(tag, module.valueType(tag as never)) })),
  };
}

/** A scaled integer is no integer any more. */
function typeOf(tag: CommonTag, type: ValueType): ValueType {
  const scaled = tag.scale !== 1 || tag.offset !== 0;
  return scaled && type === 'integer' ? 'float64' : type;
}

function checkNames(document: ConfigDocument, at: ConfigPath, tags: CommonTag[], problems: ConfigProblem[]): void {
  const first = new Map<string, number>();
  tags.forEach((tag, index) => {
    const other = first.get(tag.name);
    if (other === undefined) {
      first.set(tag.name, index);
      return;
    }
    const line = document.lineOf([...at, 'tags', other, 'name']);
    problems.push(
      document.problem(
        [...at, 'tags', index, 'name'],
        `there is a tag "${tag.name}" already in line ${line}; rename one`,
      ),
    );
  });
}

function checkReferences(
  document: ConfigDocument,
  config: GatewayConfig,
  devices: DeviceEntry[],
  problems: ConfigProblem[],
): void {
  checkUnique(document, 'devices', devices, problems);
  checkUnique(document, 'models', config.models, problems);
  checkUnique(document, 'alarms', config.alarms, problems);
  const known = new Set(devices.flatMap((device) => device.tags.map((tag) => `${device.id}/${tag.name}`)));
  config.models.forEach((model, index) => {
    for (const [input, path] of Object.entries(model.inputs)) {
      if (known.has(path)) continue;
      problems.push(document.problem(['models', index, 'inputs', input], unknownTag(path, known)));
    }
    const { device, tag } = outputOf(model);
    if (!devices.some((entry) => entry.id === device)) {
      problems.push(document.problem(['models', index, 'output'], `there is no device "${device}"`));
    }
    if (known.has(`${device}/${tag}`)) {
      problems.push(
        document.problem(['models', index], `its output ${device}/${tag} is a tag already; set another output`),
      );
    }
  });
  for (const model of config.models) {
    const { device, tag } = outputOf(model);
    known.add(`${device}/${tag}`);
  }
  config.alarms.forEach((alarm, index) => {
    if (!known.has(alarm.tag))
      problems.push(document.problem(['alarms', index, 'tag'], unknownTag(alarm.tag, known)));
    for (const { field, message } of checkAlarm(alarm)) {
      problems.push(document.problem(['alarms', index, field], message));
    }
  });
}

function checkUnique(
  document: ConfigDocument,
  list: string,
  entries: { id: string }[],
  problems: ConfigProblem[],
): void {
  entries.forEach((entry, index) => {
    const other = entries.findIndex((candidate) => candidate.id === entry.id);
    if (other === index || entry.id === '') return;
    const line = document.lineOf([list, other, 'id']);
    problems.push(
      document.problem([list, index, 'id'], `the id "${entry.id}" is taken in line ${line}; give it another`),
    );
  });
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
