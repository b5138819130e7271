/** Reads the hub's YAML and the plant that it names. */

import { ConfigDocument, ConfigError, type ConfigProblem } from '@lineside/shared/config/config-document.ts';
import { validate } from '@lineside/shared/config/validate.ts';
import { checkEndpoint } from '@lineside/shared/mqtt/endpoint.ts';
import { loadPlant, type Plant, siteIdsOf } from '../equipment/plant.ts';
import { checkSources } from '../foreign/config.ts';
import { checkNetworks } from '../monitoring/config.ts';
import { checkRoles, type Role } from '../replicas/config.ts';
import { checkSparkplug } from '../sparkplug/config.ts';
import { checkRelational } from '../store/postgres/config.ts';
import { checkTimeSeries } from '../store/timeseries/config.ts';
import { checkHubUns } from '../uns/config.ts';
import { checkAuth } from './auth.ts';
import { checkTls } from './check-tls.ts';
import { HubConfig } from './schema.ts';

export interface LoadedHubConfig extends HubConfig {
  file: string;
  equipment: Plant;
  /** A path of the configuration, taken from the folder of its file. */
  resolvePath(path: string): string;
  /** In the words of a mistake at this place of the file. */
  problem(path: (string | number)[], message: string): ConfigProblem;
}

/**
 * @param roles in place of those in the file
 * @throws ConfigError with every problem of either file.
 */
export function loadHubConfig(file: string, roles?: Role[]): LoadedHubConfig {
  const document = ConfigDocument.load(file);
  const { value, problems } = validate(document, HubConfig);
  if (problems.length > 0) throw new ConfigError(problems);
  if (roles) value.roles = roles;
  value.gateways.forEach((gateway, index) => {
    const first = value.gateways.findIndex(({ id }) => id === gateway.id);
    if (first === index) return;
    const line = document.lineOf(['gateways', first, 'id']);
    problems.push(
      document.problem(['gateways', index, 'id'], `gateway "${gateway.id}" is in line ${line} already; remove one`),
    );
  });
  const { broker, tls } = value.mqtt;
  const wrong = broker ? checkEndpoint(broker, 'write mqtts:// in url, or remove tls') : [];
  for (const { path, message } of wrong) problems.push(document.problem(['mqtt', 'broker', ...path], message));
  for (const { path, message } of checkTls(value)) problems.push(document.problem(path, message));
  if (broker && tls) {
    const words = 'tls is that of the embedded broker, which broker replaces: remove one of them';
    problems.push(document.problem(['mqtt', 'tls'], words));
  }
  for (const { path, message } of value.relational ? checkRelational(value.relational) : []) {
    problems.push(document.problem(['relational', ...path], message));
  }
  if (problems.length > 0) throw new ConfigError(problems);
  const equipment = loadPlant(document.resolvePath(value.plant));
  const places = new Set(equipment.nodes.map(({ path }) => path));
  for (const { path, message } of [
    ...checkSources(value),
    ...checkSparkplug(value),
    ...checkTimeSeries(value),
    ...checkRoles(value),
    ...checkAuth(value.auth, places),
  ]) {
    problems.push(document.problem(path, message));
  }
  for (const { path, message } of checkHubUns(value, siteIdsOf(equipment))) {
    problems.push(document.problem(path.map(step), message));
  }
  for (const { path, message } of checkNetworks(value.monitoring.metricsFrom)) {
    problems.push(document.problem(path.map(step), message));
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return {
    ...{ ...value, file, equipment },
    resolvePath: (path) => document.resolvePath(path),
    problem: (path, message) => document.problem(path, message),
  };
}

/** Positions in a list are numbers in a path. */
function step(part: string): string | number {
  return /^\d+$/.test(part) ? Number(part) : part;
}
