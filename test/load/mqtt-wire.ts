/**
 * As much of MQTT 3.1.1 as a gateway speaks, on bare bytes: hundreds of clients of a library would take more of the
 * machine than the hub that is to be measured.
 */

/** Control packet types (2.2.1), as the first byte of what a server sends; the flags are in its lower half. */
export const MqttPacket = { connack: 2, publish: 3, puback: 4, suback: 9 } as const;

const PINGREQ = Buffer.from([0xc0, 0]);

export function pingPacket(): Buffer {
  return PINGREQ;
}

export interface Will {
  topic: string;
  payload: Buffer;
}

/** With a retained will at QoS 1, user name, password and a clean session (3.1). */
export function connectPacket(id: string, password: string, keepAliveSeconds: number, will: Will): Buffer {
  const head = Buffer.from([
    0,
    4,
    0x4d,
    0x51,
    0x54,
    0x54,
    4,
    0b1110_1110,
    keepAliveSeconds >> 8,
    keepAliveSeconds & 255,
  ]);
  const fields = [id, will.topic, will.payload, id, password].map(field);
  return packet(0x10, [head, ...fields]);
}

/** At QoS 1, all with the packet id 1 (3.8). */
export function subscribePacket(topics: string[]): Buffer {
  return packet(0x82, [Buffer.from([0, 1]), ...topics.flatMap((topic) => [field(topic), Buffer.from([1])])]);
}

/** At QoS 1 (3.3). */
export function publishPacket(topic: string, packetId: number, payload: Uint8Array, retain = false): Buffer {
  return packet(retain ? 0x33 : 0x32, [field(topic), Buffer.from([packetId >> 8, packetId & 255]), payload]);
}

export function pubackPacket(packetId: number): Buffer {
  return Buffer.from([0x40, 2, packetId >> 8, packetId & 255]);
}

/** Topic, packet id (0 at QoS 0) and payload of a PUBLISH; its QoS is by whether it has an id. */
export function readPublish(body: Buffer, qos: number): { topic: string; packetId: number; payload: Buffer } {
  const end = 2 + body.readUInt16BE(0);
  const topic = body.toString('utf8', 2, end);
  return qos === 0
    ? { topic, packetId: 0, payload: body.subarray(end) }
    : { topic, packetId: body.readUInt16BE(end), payload: body.subarray(end + 2) };
}

/** Cuts what comes from a server into packets. */
export class PacketSplitter {
  #rest: Buffer = Buffer.alloc(0);

  /** @param take gets the first byte of each packet and its body, which is valid during the call only */
  push(chunk: Buffer, take: (first: number, body: Buffer) => void): void {
    let bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    for (;;) {
      let length = 0;
      let at = 1;
      for (; at < 5 && at < bytes.length; at++) {
        length += (bytes[at]! & 0x7f) * 128 ** (at - 1);
        if (bytes[at]! < 0x80) break;
      }
      if (at >= bytes.length || at + 1 + length > bytes.length) break;
      take(bytes[0]!, bytes.subarray(at + 1, at + 1 + length));
      bytes = bytes.subarray(at + 1 + length);
    }
    this.#rest = bytes.length > 0 ? Buffer.from(bytes) : Buffer.alloc(0);
  }
}

function field(content: string | Buffer): Buffer {
  const bytes = Buffer.from(content);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function packet(first: number, parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const digits: number[] = [];
  for (let rest = length; ; ) {
    const digit = rest % 128;
    rest = Math.floor(rest / 128);
    digits.push(rest > 0 ? digit | 0x80 : digit);
    if (rest === 0) break;
  }
  return Buffer.concat([Buffer.from([first, ...digits]), ...parts]);
}
