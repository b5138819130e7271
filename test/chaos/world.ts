/**
 * One installation on which several runs follow each other: starting one is what costs most. What it is made of is
 * chosen by a seed: which devices, which broker, whether the gateway's clock can be set and its disk be full.
 */
import { cpSync, rmSync } from 'node:fs';
import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { type Random, seededRandom } from '../../demo/random.ts';
import { FAKETIME, FakeClock } from '../services/fake-clock.ts';
import { hasMosquitto } from '../services/mosquitto.ts';
import { PlantRun } from '../services/plant-run.ts';
import { type BufferContent, readBuffer } from '../services/proof/buffer-content.ts';
import type { HubContent } from '../services/proof/hub-content.ts';
import { type Proof, prove } from '../services/proof/proof.ts';
import { mountable, SmallDisk } from '../services/small-disk.ts';
import { writeConfigurations } from './chaos-config.ts';

/** Room for some segments of 4 MiB: each refusal of the disk costs one. */
const DISK_MIB = 96;

/** A gateway that has never run needs so much to begin: its folder's name, its lock, its numbers of tags. Bytes. */
const SMALL_FILES = 256 * 1024;

/** The devices are all collected from again so soon, and everything is with the hub. Milliseconds. */
const SETTLE_MS = 90_000;

/** A machine with two kinds of its own: the one that is polled costs less. */
const DEVICES = [['moulder'], ['moulder', 'pump'], ['packer', 'moulder']] as const;

export interface Look {
  proof: Proof;
  /** Samples that the gateway gave up and told of, beside those in gaps. */
  dropped: number;
}

export class World {
  readonly plant: PlantRun;
  readonly clock: FakeClock | undefined;
  readonly devices: readonly string[];
  #disk: SmallDisk | undefined;
  /** What was in the buffer before each damage. */
  readonly #damaged: BufferContent[] = [];
  /** Told by processes of the gateway that have ended since. */
  #droppedBefore = 0;
  /** How far the clock was set while the gateway ran and could tell. Milliseconds. */
  readonly #told: number[] = [];
  #looks = 0;
  /** What the last full look has found, and how much had been damaged then. */
  #known: HubContent | undefined;
  #knownDamage = 0;

  private constructor(plant: PlantRun, devices: readonly string[], clock: FakeClock | undefined) {
    this.plant = plant;
    this.devices = devices;
    this.clock = clock;
  }

  static async create(seed: number, say: (line: string) => void): Promise<World> {
    const { devices, mosquitto, mqttVersion, hasClock, hasDisk, isFull } = kindOf(seed);
    let clock: FakeClock | undefined;
    const plant = await PlantRun.create({
      speed: 20,
      seed: (seed % 1_000_000) + 1,
      mosquitto,
      configure: async (dir) => writeConfigurations(dir, { devices, mosquitto, mqttVersion }),
      gatewayEnv: (dir) => {
        if (hasClock) clock = new FakeClock(join(dir, 'clock'));
        return clock?.env() ?? {};
      },
    });
    const world = new World(plant, devices, clock);
    if (hasDisk) world.#disk = new SmallDisk(join(plant.dir, 'gateway'), DISK_MIB);
    const broker = mosquitto ? `Mosquitto by MQTT ${mqttVersion}` : 'embedded broker';
    const extras = [clock && 'a clock to be set', hasDisk && `a small disk${isFull ? ', full at first' : ''}`];
    say(` ${[devices.join(' and '), broker, ...extras.filter(Boolean)].join('; ')}`);
    try {
      await world.#start(hasDisk && isFull);
      return world;
    } catch (error) {
      await world.end({ keep: true });
      throw new Error(`${messageOf(error)}; kept in ${plant.dir}`, { cause: error });
    }
  }

  async #start(full: boolean): Promise<void> {
    if (full) this.#disk?.fill(SMALL_FILES);
    await this.plant.startAll();
    if (full) {
      await this.plant.until('the full disk is told', ({ buffer }) => buffer.fault !== '');
      this.#disk?.free();
    }
    await this.settle();
  }

  get hasDisk(): boolean {
    return this.#disk !== undefined;
  }

  /** All that was disturbed works again, and more has been collected and delivered since. */
  async settle(): Promise<void> {
    const up = (state: string) => state === 'up';
    await this.plant.until(
      'all devices are up',
      ({ status, buffer }) => status.devices.every(({ state }) => up(state)) && buffer.fault === '',
      SETTLE_MS,
    );
    const { durableSamples } = (await this.plant.until('the gateway is there', () => true)).buffer;
    // A link that is half open looks sound for seconds.
    await this.plant.until(
      'what is collected now is with the hub',
      ({ link, buffer, status }) =>
        link.connected && buffer.durableSamples - status.buffer.pendingSamples > durableSamples,
    );
  }

  /**
   * Everything is stopped where it stands, copied, and goes on; the copies are then looked into.
   *
   * @param last also into what takes long and seldom changes
   */
  async look(last: boolean): Promise<Look> {
    if (!last && this.#known && this.#knownDamage === this.#damaged.length) {
      const look = await this.#look(this.#known);
      // It may have changed all the same, such as by a kill in the middle of a write.
      if (look.proof.problems.length === 0) return look;
    }
    const look = await this.#look();
    this.#known = look.proof.hub;
    this.#knownDamage = this.#damaged.length;
    return look;
  }

  async #look(known?: HubContent): Promise<Look> {
    const { plant } = this;
    const dir = join(plant.dir, `look-${++this.#looks}`);
    const copies = { bufferDir: join(dir, 'buffer'), hubDir: join(dir, 'hub') };
    const relational = join(plant.hubDir, 'relational');
    // The lock is that of the hub, which still runs.
    const unwanted = [known ? relational : join(relational, 'lock'), join(plant.hubDir, 'control.sock')];
    const wanted = (path: string) => !unwanted.includes(path);
    plant.freeze('plant');
    const frozenAt = Date.now();
    try {
      const { buffer } = await plant.until(
        'nothing is pending',
        ({ link, status }) => link.connected && status.buffer.pendingRecords === 0,
      );
      plant.freeze('gateway');
      const copiedAt = Date.now();
      plant.freeze('hub');
      await mkdir(dir);
      cpSync(plant.bufferDir, copies.bufferDir, { recursive: true });
      cpSync(plant.hubDir, copies.hubDir, { recursive: true, filter: wanted });
      this.#thaw();
      const damaged = this.#damaged;
      const clock = this.clock?.steps ?? [];
      const proof = await prove(plant, {
        ...copies,
        frozenAt,
        copiedAt,
        damaged,
        clock,
        ...(known ? { known } : {}),
      });
      this.#checkClock(proof);
      if (proof.problems.length === 0 || known) rmSync(dir, { recursive: true });
      return { proof, dropped: this.#droppedBefore + buffer.droppedSamples };
    } finally {
      this.#thaw();
    }
  }

  /** Kills the gateway and remembers what it had told only while it ran. */
  async killGateway(): Promise<void> {
    const status = await this.plant.local().catch(() => undefined);
    this.#droppedBefore += status?.buffer.droppedSamples ?? 0;
    await this.plant.kill('gateway');
  }

  /** To be called while the gateway is down, and before its buffer is damaged. */
  async remember(): Promise<void> {
    const copy = join(this.plant.dir, 'before');
    await cp(this.plant.bufferDir, copy, { recursive: true });
    this.#damaged.push(await readBuffer(copy, this.#damaged.at(-1)));
    await rm(copy, { recursive: true });
  }

  /** Sets the gateway's clock so far ahead of the true one, and waits until that has been written down. */
  async setClock(seconds: number): Promise<void> {
    const { clock, plant } = this;
    const before = clock!.steps.at(-1)!.offsetMs;
    const collected = async () => (await plant.until('the gateway is there', () => true)).buffer.durableSamples;
    clock!.set(seconds);
    if (before !== seconds * 1_000) this.#told.push(seconds * 1_000 - before);
    for (let commits = 0; commits < 2; commits++) {
      const durable = await collected();
      await plant.until('more is collected', ({ buffer }) => buffer.durableSamples > durable);
    }
  }

  /** Each step is written down, in order. */
  #checkClock({ buffer, problems }: Proof): void {
    const steps = buffer.urgent.events.flatMap(({ event }) =>
      event.kind === 'clock' ? [event.stepMs as number] : [],
    );
    const near = steps.length === this.#told.length && steps.every((ms, i) => Math.abs(ms - this.#told[i]!) < 5_000);
    if (!near) problems.push(`the clock was set by ${this.#told.join(', ')} ms, its events are ${steps.join(', ')}`);
  }

  fillDisk(): void {
    this.#disk!.fill();
  }

  freeDisk(): void {
    this.#disk!.free();
  }

  #thaw(): void {
    for (const name of ['hub', 'gateway', 'plant'] as const) this.plant.thaw(name);
  }

  /** Ends everything. What is kept is a folder without mounts. */
  async end({ keep }: { keep: boolean }): Promise<void> {
    const disk = this.#disk;
    this.#disk = undefined;
    await this.plant.dispose({ keep: true });
    const kept = join(this.plant.dir, 'gateway-kept');
    if (disk && keep) await cp(disk.dir, kept, { recursive: true }).catch(() => undefined);
    disk?.unmount();
    if (!keep) await rm(this.plant.dir, { recursive: true, force: true });
  }
}

/** What a plant is made of, as far as this machine has it. */
function kindOf(seed: number) {
  const random = seededRandom(seed ^ 0x5eed);
  const devices = oneOf(random, DEVICES);
  const mosquitto = random() < 0.4 && hasMosquitto;
  // The embedded broker speaks 3.1.1 only.
  const mqttVersion: '3.1.1' | '5' = mosquitto && random() < 0.5 ? '5' : '3.1.1';
  const [hasClock, hasDisk, isFull] = [random() < 0.5 && !!FAKETIME, random() < 0.5 && mountable, random() < 0.3];
  return { devices, mosquitto, mqttVersion, hasClock, hasDisk, isFull };
}

export function oneOf<T>(random: Random, list: readonly T[]): T {
  return list[Math.floor(random() * list.length)]!;
}
