/** The plant: three machines, their time, their servers at the wire, and the faults that can be put into them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FaultName, type MachineName, machineNames } from './machines/machine.ts';
import { Moulder } from './machines/moulder.ts';
import { MOULDER_STATUS_BITS, MOULDER_UNIT, moulderRegisters } from './machines/moulder-registers.ts';
import { Packer } from './machines/packer.ts';
import { packerNodes } from './machines/packer-nodes.ts';
import { Pump, SPEED_PERCENT } from './machines/pump.ts';
import { PUMP_UNIT, pumpRegisters, pumpSettings } from './machines/pump-registers.ts';
import { readRecording } from './machines/recording.ts';
import type { PlantOptions } from './options.ts';
import { seededRandom } from './random.ts';
import { TruthLog } from './truth-log.ts';
import { ModbusServer } from './wire/modbus-server.ts';
import { PackagingServer } from './wire/opcua-server.ts';
import { encodeRegisters } from './wire/register.ts';

/** Real time between two steps of the physics, ms. */
const TICK_MS = 50;
const ANALOG_MS = 500;
/** A process that was frozen for longer does not make up for it: the line stood still. */
const LONGEST_CATCH_UP_S = 1;

/** The node and the registers that a broken sensor takes away. */
const BROKEN = { packer: 'SealTemperature', moulder: 100, pump: 0 };

/** The one register of the pump that may be written, and the words that it takes. */
const SPEED = pumpSettings[0]!;
const SPEED_WORDS = { least: SPEED_PERCENT.least / SPEED.scale!, most: SPEED_PERCENT.most / SPEED.scale! };

export class PlantFloor {
  readonly #options: PlantOptions;
  readonly #truth: TruthLog;
  readonly packer: Packer;
  readonly moulder: Moulder;
  readonly pump: Pump;
  speed: number;
  #opcua: PackagingServer | undefined;
  #moulderServer: ModbusServer | undefined;
  #pumpServer: ModbusServer | undefined;
  #timer: NodeJS.Timeout | undefined;
  #lastTick = 0;
  #nextAnalog = 0;
  /** Cuts and restores, one after the other. */
  #network: Promise<void> = Promise.resolve();
  readonly #cleanUps: (() => void | Promise<void>)[] = [];

  /** Reads the recording. @throws LinesideError `DEMO_RECORDING` */
  constructor(options: PlantOptions) {
    this.#options = options;
    this.speed = options.speed;
    this.#truth = new TruthLog(options.truth);
    this.packer = new Packer(seededRandom(options.seed));
    this.moulder = new Moulder(seededRandom(options.seed + 1));
    this.pump = new Pump(seededRandom(options.seed + 2), readRecording(options.recording), options.recordingStart);
  }

  /** Listens and begins to move. @throws LinesideError `DEMO_LISTEN`; what was opened until then is closed. */
  async start(): Promise<void> {
    try {
      await this.#open();
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.#lastTick = performance.now();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  async #open(): Promise<void> {
    const { host, opcuaPort, moulderPort, pumpPort, pkiDir } = this.#options;
    const truth = this.#truth;
    truth.start();
    this.#cleanUps.push(() => truth.stop());
    // The cheap listeners first: a taken port shows at once.
    const { moulder, pump } = this;
    this.#moulderServer = new ModbusServer({
      machine: 'moulder',
      unitId: MOULDER_UNIT,
      host,
      port: moulderPort,
      portFlag: '--moulder-port',
      truth,
      tables: {
        holding: () => encodeRegisters(moulderRegisters, moulder.values()),
        discrete: () => bitsOf(moulder.values().statusWord ?? 0, MOULDER_STATUS_BITS),
        coils: () => [moulder.cycleStartEnabled],
        writeCoil: (_address, value) => {
          moulder.cycleStartEnabled = value;
        },
        failed: (address) => moulder.faults.has('sensorBreak') && within(address, BROKEN.moulder),
      },
    });
    this.#pumpServer = new ModbusServer({
      machine: 'pump',
      unitId: PUMP_UNIT,
      host,
      port: pumpPort,
      portFlag: '--pump-port',
      truth,
      tables: {
        input: () => encodeRegisters(pumpRegisters, pump.values()),
        holding: () => encodeRegisters(pumpSettings, pump.values()),
        writableRange: (address) => (address === SPEED.address ? SPEED_WORDS : undefined),
        writeRegister: (_address, word) => {
          pump.speedSetpoint = word * SPEED.scale!;
        },
        failed: (address) => pump.faults.has('sensorBreak') && within(address, BROKEN.pump),
      },
    });
    for (const server of [this.#moulderServer, this.#pumpServer]) {
      await server.start();
      this.#cleanUps.push(() => server.stop());
    }
    const opcua = new PackagingServer({ host, port: opcuaPort, truth, pkiDir: pkiDir ?? (await this.#ownPkiDir()) });
    await opcua.start(rounded(this.packer.values()));
    this.#opcua = opcua;
    this.#cleanUps.push(() => opcua.stop());
  }

  async #ownPkiDir(): Promise<string> {
    const dir = await mkdtemp(join(tmpdir(), 'lineside-demo-pki-'));
    this.#cleanUps.push(() => rm(dir, { recursive: true, force: true }));
    return dir;
  }

  /** Idempotent; closes in reverse order and goes on when one part fails. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#network;
    for (let cleanUp = this.#cleanUps.pop(); cleanUp; cleanUp = this.#cleanUps.pop()) {
      try {
        await cleanUp();
      } catch (error) {
        console.error('demo plant: a part did not stop cleanly:', error);
      }
    }
  }

  addresses(): { opcua: { endpoint: string }; moulder: { port: number }; pump: { port: number } } {
    return {
      opcua: { endpoint: this.#opcua?.endpoint ?? '' },
      moulder: { port: this.#moulderServer?.port ?? 0 },
      pump: { port: this.#pumpServer?.port ?? 0 },
    };
  }

  #tick(): void {
    const now = performance.now();
    const seconds = Math.min((now - this.#lastTick) / 1000, LONGEST_CATCH_UP_S) * this.speed;
    this.#lastTick = now;
    for (const name of machineNames) this[name].step(seconds);
    const analog = now >= this.#nextAnalog;
    if (analog) this.#nextAnalog = (Math.floor(now / ANALOG_MS) + 1) * ANALOG_MS;
    this.#publishPacker(analog);
  }

  #publishPacker(analog: boolean): void {
    const values = rounded(this.packer.values());
    const broken = this.packer.faults.has('sensorBreak');
    for (const node of packerNodes) {
      if (node.analog && !analog) continue;
      if (broken && node.name === BROKEN.packer) this.#opcua?.setSensorFailure(node.name);
      else this.#opcua?.set(node.name, values[node.name] ?? 0);
    }
  }

  /** Puts a fault into a machine or takes it out; resolves when the wire shows it, or will with the next value. */
  async setFault(machineName: MachineName, fault: FaultName, active: boolean): Promise<void> {
    const machine = this[machineName];
    if (fault === 'counterReset') {
      if (active) machine.resetCounters();
      return;
    }
    if (active) machine.faults.add(fault);
    else machine.faults.delete(fault);
    if (fault !== 'networkCut') return;
    const done = this.#network.then(() => this.#applyNetwork(machineName));
    this.#network = done.catch(() => undefined);
    try {
      await done;
    } catch (error) {
      // Someone took the port meanwhile: the machine is still cut off, and the switch says so.
      machine.faults.add('networkCut');
      throw error;
    }
  }

  async #applyNetwork(machineName: MachineName): Promise<void> {
    const cut = this[machineName].faults.has('networkCut');
    if (machineName === 'packer') {
      await (cut ? this.#opcua?.cut() : this.#opcua?.restore());
      return;
    }
    const server = machineName === 'moulder' ? this.#moulderServer : this.#pumpServer;
    await (cut ? server?.stop() : server?.start());
  }
}

/** Two decimals are what such a PLC shows. */
function rounded(values: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Math.round(value * 100) / 100]));
}

function bitsOf(word: number, count: number): boolean[] {
  return Array.from({ length: count }, (_, bit) => (word & (1 << bit)) !== 0);
}

/** Whether the address is in the two registers of a float. */
function within(address: number, first: number): boolean {
  return address === first || address === first + 1;
}
