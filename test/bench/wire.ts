/** Bytes on the line for one sample: our records, Sparkplug B, and one JSON message a value, for the same data. */
import { randomBytes } from 'node:crypto';
import { BatchWriter } from '@lineside/shared/wire/batch-writer.ts';
import { compressBatch, writeEnvelope } from '@lineside/shared/wire/envelope.ts';
import { writePayload } from '@lineside/shared/wire/sparkplug/payload-writer.ts';
import { LiveData } from '../../gateway/sparkplug/live-data.ts';
import type { Bench } from './bench.ts';
import { round } from './contestant.ts';
import { MACHINES, MachineData, POLL_MS, TAGS_EACH } from './machine-data.ts';

/** What a gateway puts into one record, and a Sparkplug node into one message. Milliseconds. */
const GROUP_MS = 200;

export const wire: Bench = {
  summary: 'bytes a sample on the line, against Sparkplug B and JSON',
  defaultSeconds: 60,
  async run({ seconds, signal, say }) {
    const data = new MachineData();
    const types = new Map(data.tags.map(({ id, type }) => [id, type]));
    const names = new Map(data.tags.map((tag) => [tag.id, tag]));
    const writer = new BatchWriter(types);
    const live = new LiveData();
    for (const tag of data.tags) live.born(tag, null);
    const epoch = randomBytes(16).toString('hex');
    const bytes = { lineside: 0, sparkplug: 0, json: 0 };
    const sent = { lineside: 0, sparkplug: 0 };
    say(`${MACHINES} machines of ${TAGS_EACH} tags at ${1_000 / POLL_MS} Hz, ${seconds} s of their time`);
    const records = Math.ceil((seconds * 1_000) / GROUP_MS);
    for (let seq = 1; seq <= records; seq++) {
      signal.throwIfAborted();
      let at = 0;
      for (let poll = 0; poll < GROUP_MS / POLL_MS; poll++) {
        for (const frame of data.poll()) {
          at = frame.receivedAt;
          sent.lineside += frame.tags.length;
          writer.addFrame(frame);
          live.observe(frame, at);
          frame.tags.forEach((tag, i) => {
            const { device, name } = names.get(tag)!;
            const topic = `uns/v1/acme/hamburg/packaging/line-1/${device}/${name}`;
            const body = { timestamp_ms: frame.sourceAt[i], value: frame.values[i], quality: 'Good', unit: 'Cel' };
            bytes.json += mqtt(topic, Buffer.byteLength(JSON.stringify(body)));
          });
        }
      }
      const record = writeEnvelope({ epoch, seq, prev: seq - 1, batch: compressBatch(writer.finish()) });
      bytes.lineside += mqtt('lineside/v1/line-1/data', record.length);
      for (let machine = 0; machine < MACHINES; machine++) {
        const metrics = live.take(`m${machine}`);
        if (metrics.length === 0) continue;
        sent.sparkplug += metrics.length;
        const payload = writePayload({ timestamp: at, seq: seq % 256, metrics });
        bytes.sparkplug += mqtt(`spBv1.0/plant/DDATA/line-1/m${machine}`, payload.length);
      }
    }
    return {
      linesideBytesPerSample: round(bytes.lineside / sent.lineside, 2),
      sparkplugBytesPerSample: round(bytes.sparkplug / sent.sparkplug, 2),
      jsonBytesPerSample: round(bytes.json / sent.lineside, 2),
      // Of what is measured; a Sparkplug node leaves out what did not change.
      sparkplugBytesPerMeasuredSample: round(bytes.sparkplug / sent.lineside, 2),
      samples: sent.lineside,
      sparkplugSamples: sent.sparkplug,
    };
  },
};

/** Size of a PUBLISH at QoS 1 (MQTT 3.1.1, 3.3). */
function mqtt(topic: string, payload: number): number {
  const rest = 2 + topic.length + 2 + payload;
  const lengthBytes = rest < 128 ? 1 : rest < 16_384 ? 2 : rest < 2_097_152 ? 3 : 4;
  return 1 + lengthBytes + rest;
}
