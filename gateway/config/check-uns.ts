/** What the topics for integrators and their broker need of the rest of the configuration. */
import type { ConfigDocument, ConfigPath, ConfigProblem } from '@lineside/shared/config/config-document.ts';
import { checkLocalBroker, type LocalBrokerConfig } from '../local-broker/config.ts';
import { type ModelConfig, outputOf } from '../models/config.ts';
import { checkUns, type EquipmentConfig, type UnsConfig } from '../uns/config.ts';
import { clashes, UnsLayout } from '../uns/layout.ts';

export interface UnsParts {
  gateway: { id: string };
  localBroker: LocalBrokerConfig;
  uns: UnsConfig;
  models: ModelConfig[];
}

/** Clashes that are told; a wrong template makes one of every tag. */
const MOST_CLASHES = 5;

/**
 * To be called with parts that have the right form.
 *
 * @param devices with all tags that they give
 */
export function checkUnsParts(
  document: ConfigDocument,
  { gateway, localBroker, uns, models }: UnsParts,
  devices: { id: string; settings: unknown; tags: { name: string }[] }[],
  problems: ConfigProblem[],
  warnings: ConfigProblem[],
): void {
  const tell = (part: string, { path, message, warning }: { path: ConfigPath; message: string; warning?: boolean }) =>
    (warning ? warnings : problems).push(document.problem([part, ...path], message));
  for (const problem of checkLocalBroker(localBroker)) tell('localBroker', problem);
  const found = checkUns(uns, localBroker.enabled);
  for (const problem of found) tell('uns', problem);
  if (localBroker.enabled && (!uns.enabled || uns.broker)) {
    const message = 'nothing is published here: set uns.enabled, and leave out uns.broker';
    tell('localBroker', { path: ['enabled'], message, warning: true });
  }
  if (!uns.enabled || found.length > 0) return;
  const outputs = models.map(outputOf);
  const all = devices.map(({ id, settings, tags }) => ({
    id,
    equipment: (settings as { equipment?: EquipmentConfig }).equipment,
    tags: [...tags.map(({ name }) => name), ...outputs.filter(({ device }) => device === id).map(({ tag }) => tag)],
  }));
  for (const { device, tag, other, topic } of clashes(new UnsLayout(uns, gateway.id), all).slice(0, MOST_CLASHES)) {
    const index = devices.findIndex(({ id }) => id === device);
    const remedy = other.startsWith(`${device}/`)
      ? 'give one of them another name, or end uns.template with {tag}'
      : 'set equipment.cell, or put {device} into uns.template';
    const message = `${device}/${tag} and ${other} would share the topic ${topic}: ${remedy}`;
    problems.push(document.problem(['devices', index], message));
  }
}
