/** Reads the plant's YAML and lays it out flat: every machine with its path, its zone and its shifts. */
import {
  ConfigDocument,
  ConfigError,
  type ConfigPath,
  type ConfigProblem,
} from '@lineside/shared/config/config-document.ts';
import { validate } from '@lineside/shared/config/validate.ts';
import { type Cell, PlantConfig, type Shift } from './plant-config.ts';

type EquipmentLevel = 'enterprise' | 'site' | 'area' | 'line' | 'cell';

/** One node of the equipment hierarchy, as it is stored. */
export interface EquipmentNode {
  path: string;
  parent: string | null;
  level: EquipmentLevel;
  name: string;
  settings: Record<string, unknown>;
}

/** A cell with what it takes from its site. */
export interface Machine extends Omit<Cell, 'id'> {
  path: string;
  timeZone: string;
  shifts: Shift[];
}

export interface Plant {
  enterprise: string;
  nodes: EquipmentNode[];
  machines: Machine[];
}

/** @throws ConfigError with every mistake, each with its line. */
export function loadPlant(file: string): Plant {
  return plantOf(ConfigDocument.load(file));
}

export function plantOf(document: ConfigDocument): Plant {
  const { value, problems } = validate(document, PlantConfig);
  if (problems.length > 0) throw new ConfigError(problems);
  const plant: Plant = { enterprise: value.enterprise.name, nodes: [], machines: [] };
  const found: ConfigProblem[] = [];
  const add = (at: ConfigPath, node: EquipmentNode) => {
    if (plant.nodes.some((other) => other.path === node.path)) {
      found.push(document.problem(at, `the path ${node.path} is there twice; give one of them another id`));
    }
    plant.nodes.push(node);
  };
  const root = value.enterprise.id;
  add(['enterprise'], { path: root, parent: null, level: 'enterprise', name: value.enterprise.name, settings: {} });
  value.sites.forEach((site, s) => {
    const sitePath = `${root}/${site.id}`;
    const { timeZone, shifts } = site;
    if (!isTimeZone(timeZone)) {
      found.push(
        document.problem(['sites', s, 'timeZone'], `"${timeZone}" is no time zone; write one such as Europe/Berlin`),
      );
    }
    add(['sites', s], {
      path: sitePath,
      parent: root,
      level: 'site',
      name: site.name,
      settings: { timeZone, shifts },
    });
    site.areas.forEach((area, a) => {
      const areaPath = `${sitePath}/${area.id}`;
      add(['sites', s, 'areas', a], {
        path: areaPath,
        parent: sitePath,
        level: 'area',
        name: area.name,
        settings: {},
      });
      area.lines.forEach((line, l) => {
        const linePath = `${areaPath}/${line.id}`;
        const at: ConfigPath = ['sites', s, 'areas', a, 'lines', l];
        add(at, { path: linePath, parent: areaPath, level: 'line', name: line.name, settings: {} });
        line.cells.forEach((cell, c) => {
          const { id, ...settings } = cell;
          const path = `${linePath}/${id}`;
          add([...at, 'cells', c], { path, parent: linePath, level: 'cell', name: cell.name, settings });
          plant.machines.push({ ...settings, path, timeZone, shifts });
        });
      });
    });
  });
  if (found.length > 0) throw new ConfigError(found);
  return plant;
}

/** Path of the enterprise, which is its id. */
export function rootOf({ nodes }: Plant): string {
  return nodes.find(({ level }) => level === 'enterprise')!.path;
}

export function siteIdsOf({ nodes }: Plant): string[] {
  return nodes.filter(({ level }) => level === 'site').map(({ path }) => path.split('/').at(-1)!);
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
