/** What each fault does and what one should then see, in the words that the page shows. */
import type { FaultName, MachineName } from './machines/machine.ts';

export interface FaultText {
  title: string;
  does: string;
  expect: string;
}

const SHARED: Record<'stop' | 'microStops' | 'counterReset', FaultText> = {
  stop: {
    title: 'Operator stop',
    does: 'Stops the machine until you clear it: Stopping, then Stopped.',
    expect:
      'The tile turns to Stopped within seconds and availability falls for as long as it lasts. The packer raises an alarm of its own: guard open.',
  },
  microStops: {
    title: 'Micro-stops',
    does: 'Jams the machine for a few seconds, again and again.',
    expect: 'Short Held states come and go; performance and availability sag though the machine looks busy.',
  },
  counterReset: {
    title: 'Counter reset',
    does: 'Sets both counters to zero, once, as a restarted PLC would.',
    expect: 'The counts of the shift go on growing: no negative number and no jump.',
  },
};

const CUT_EXPECT =
  'Last seen ages and the tile goes stale. The other machines do not miss a value; clearing it brings it back.';

const OWN: Record<MachineName, Record<'sensorBreak' | 'networkCut' | 'overheat', FaultText>> = {
  packer: {
    sensorBreak: {
      title: 'Seal sensor breaks',
      does: 'The seal temperature has the status BadSensorFailure and no value.',
      expect: 'The value is shown as bad, not as zero and not as the last good one; the chart has a gap.',
    },
    networkCut: {
      title: 'Network cut',
      does: 'Closes the OPC UA port and destroys every connection until you clear it.',
      expect: CUT_EXPECT,
    },
    overheat: {
      title: 'Seal overheats',
      does: 'The jaw heater sticks on: from 150 °C past 185 °C in about 15 s of plant time, settling near 205 °C.',
      expect: 'A seal temperature alarm, the PLC alarm word with bit 1, and more defective packs.',
    },
  },
  moulder: {
    sensorBreak: {
      title: 'Zone 1 sensor breaks',
      does: 'Reads that include registers 100 and 101 answer exception 4 (device failure).',
      expect: 'Barrel zone 1 turns bad; registers that are read apart from it stay good.',
    },
    networkCut: {
      title: 'Network cut',
      does: 'Closes the Modbus port and destroys every connection until you clear it.',
      expect: CUT_EXPECT,
    },
    overheat: {
      title: 'Barrel overheats',
      does: 'The zone 1 heater sticks on: from 225 °C past 260 °C in about 16 s of plant time, settling near 290 °C.',
      expect: 'A barrel temperature alarm, and rejects that climb with the heat.',
    },
  },
  pump: {
    sensorBreak: {
      title: 'Temperature sensor breaks',
      does: 'Reads that include input registers 0 and 1 answer exception 4 (device failure).',
      expect: 'The machine temperature turns bad; the anomaly model says that it cannot score rather than guessing.',
    },
    networkCut: {
      title: 'Network cut',
      does: 'Closes the Modbus port and destroys every connection until you clear it.',
      expect: CUT_EXPECT,
    },
    overheat: {
      title: 'Bearing heats up',
      does: 'Adds heat to the recorded temperature, 1 °F a second up to 25 °F, and vibration with it.',
      expect: 'The anomaly score rises, then its alarm.',
    },
  },
};

export function faultText(machine: MachineName, fault: FaultName): FaultText {
  if (fault === 'stop' || fault === 'microStops' || fault === 'counterReset') return SHARED[fault];
  return OWN[machine][fault];
}
