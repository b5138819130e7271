#!/usr/bin/env node
/** The gateway's program: `run` collects until it is stopped, `check` only looks at a configuration. */
import { parseArgs } from 'node:util';
import { ConfigError, formatProblem } from '@lineside/shared/config/config-document.ts';
import { VERSION } from '@lineside/shared/config/version.ts';
import { qualityName } from '@lineside/shared/contracts/quality.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { type DaemonContext, runDaemon } from '@lineside/shared/lifecycle/daemon.ts';
import { DirectoryLock } from '@lineside/shared/lifecycle/directory-lock.ts';
import { createLogger, type Logger } from '@lineside/shared/log/logger.ts';
import { type LoadedConfig, loadConfig } from './config/load-config.ts';
import { LocalServer } from './local/local-server.ts';
import { manifestFile } from './models/config.ts';
import { checkInputs, loadModelFiles } from './models/manifest.ts';
import { Pipeline } from './pipeline.ts';

const USAGE = `usage: gateway run|check --config FILE

  run     collect from the devices and stream to the hub until stopped
  check   say what is wrong with a configuration, with file and line; exit 1 when something is

  --config FILE   the configuration, YAML
  --version       print the version
`;

async function main(): Promise<number> {
  let args: ReturnType<typeof readArgs>;
  try {
    args = readArgs();
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`);
    return 2;
  }
  const { command, file } = args;
  if (args.version) {
    process.stdout.write(`${VERSION}\n`);
    return 0;
  }
  if ((command !== 'run' && command !== 'check') || !file) {
    console.error(USAGE);
    return 2;
  }
  let config: LoadedConfig;
  try {
    config = loadConfig(file);
    // A damaged model keeps no machine from being collected: `run` leaves it off and says so.
    if (command === 'check') checkModels(config);
  } catch (error) {
    return sayProblems(error);
  }
  if (command === 'check') {
    const tags = config.devices.reduce((sum, device) => sum + device.tags.length, 0);
    process.stdout.write(
      `${file}: sound; ${config.devices.length} devices, ${tags} tags, ${config.models.length} models, ${config.alarms.length} alarms\n`,
    );
    return 0;
  }
  const log = createLogger({ name: `gateway ${config.gateway.id}`, level: String(config.log.level) });
  return runDaemon(log, (context) => start(config, log, context));
}

function readArgs() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { config: { type: 'string' }, version: { type: 'boolean' } },
  });
  return { command: positionals[0], file: values.config, version: values.version === true };
}

/** @throws ConfigError naming every model whose files are missing, damaged, or have other inputs. */
function checkModels(config: LoadedConfig): void {
  const problems = config.models.flatMap((model, index) => {
    try {
      const file = manifestFile(model, config.resolvePath('.'));
      checkInputs(model.id, file, loadModelFiles(file).manifest, Object.keys(model.inputs));
      return [];
    } catch (error) {
      const field = error instanceof LinesideError && error.code === 'model.inputs' ? 'inputs' : 'file';
      return [config.problem(['models', index, field], messageOf(error))];
    }
  });
  if (problems.length > 0) throw new ConfigError(problems);
}

function sayProblems(error: unknown): number {
  if (!(error instanceof Error)) throw error;
  if (error instanceof ConfigError) {
    for (const problem of error.problems) console.error(formatProblem(problem));
    console.error(`${error.problems.length} ${error.problems.length === 1 ? 'problem' : 'problems'} found`);
  } else console.error(messageOf(error));
  return 1;
}

async function start(config: LoadedConfig, log: Logger, { unwind, progress }: DaemonContext): Promise<string> {
  const dataDir = config.resolvePath(config.dataDir);
  const lock = new DirectoryLock(dataDir);
  await lock.acquire();
  unwind.defer('data directory', () => lock.release());

  const pipeline = new Pipeline({ config, dataDir, version: VERSION, log, now: Date.now, progress });
  if (config.local.enabled) {
    const local = new LocalServer({
      config: config.local,
      log: log.child({ part: 'local' }),
      picture: () => picture(pipeline),
      acknowledge: (occurrence, by, comment) => pipeline.alarms.acknowledge(occurrence, by, comment),
    });
    await pipeline.start(unwind);
    // Closed first: nobody acknowledges an alarm at a gateway that has stopped keeping it.
    unwind.defer('local page', () => local.stop());
    await local.start();
    log.info({ url: local.url }, 'local page');
    process.send?.({ localUrl: local.url });
  } else {
    await pipeline.start(unwind);
  }
  log.info({ gateway: config.gateway.id, devices: config.devices.length, tags: pipeline.tags.length }, 'collecting');
  return `collecting from ${config.devices.length} devices`;
}

function picture(pipeline: Pipeline) {
  const { durableSamples, droppedSamples, damagedPlaces, fault } = pipeline.buffer.stats();
  const { connected, since, reason } = pipeline.link.state();
  return {
    status: pipeline.status(),
    link: { connected, since, reason },
    buffer: { durableSamples, droppedSamples, damagedPlaces, fault },
    models: pipeline.models(),
    alarms: pipeline.alarms.active(),
    recent: pipeline.alarms.recent(),
    values: pipeline.tags
      .filter((tag) => !tag.name.startsWith('$'))
      .map(({ id, device, name, unit }) => {
        const last = pipeline.lastValues.get(device, id);
        const quality = last?.quality ?? 0;
        return {
          device,
          name,
          unit,
          sourceAt: last?.sourceAt ?? null,
          value: last?.value ?? null,
          quality,
          qualityName: qualityName(quality),
        };
      }),
  };
}

process.exitCode = await main();
// A handle that a library forgot to close must not hold a stopped daemon.
if (process.connected) process.disconnect?.();
setTimeout(() => process.exit(), 200).unref();
