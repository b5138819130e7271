/** Raises an alarm whose state reaches the disk and whose event never reaches the buffer; to be killed. */
import { emptyFrame, pushSample } from '@lineside/shared/contracts/frame.ts';
import { pino } from 'pino';
import { AlarmStage } from '../../../gateway/alarms/alarm-stage.ts';

const stage = new AlarmStage({
  dataDir: process.argv[2]!,
  alarms: [
    {
      config: {
        ...{ id: 'hot', tag: 'press/oil', message: 'Too hot', priority: 'medium', above: 80 },
        ...{ hysteresis: 0, onDelayMs: 0, offDelayMs: 0 },
      },
      tag: { id: 1, device: 'press', unit: 'Cel' },
    },
  ],
  log: pino({ level: 'silent' }),
  now: Date.now,
  add: () => undefined,
  // Asked only when the state is on disk.
  flush: () => {
    process.stdout.write('asked\n');
    return new Promise(() => undefined);
  },
});
await stage.start();
const frame = emptyFrame('press', Date.now());
pushSample(frame, 1, Date.now(), 90, 0);
stage.observe(frame);
