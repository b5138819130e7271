/**
 * What came from a broker and is not taken yet, in a lane of each gateway: one after the other within a gateway, side by
 * side between gateways. All of them come over one connection, and a broker sends on it only so many messages that are
 * not acknowledged (20 with Mosquitto); were those of a gateway that is held back among them, no other would be heard.
 * So a message is acknowledged when it has its place here. Were it lost after that, nothing would be: a gateway keeps
 * it until the hub has told that it is committed.
 */
/** What may wait. Sizes are payloads in bytes. */
export interface LaneLimits {
  /** Of one gateway, which keeps a window of 64 records in flight: a few times that. */
  messages: number;
  /** Of one gateway; small against `totalBytes`, so that it takes several to fill all. */
  bytes: number;
  /** Of all together. */
  totalBytes: number;
}

const MIB = 1_048_576;
const LIMITS: LaneLimits = { messages: 256, bytes: 16 * MIB, totalBytes: 64 * MIB };

export interface GatewayLanesOptions {
  /** The first message that a gateway has lost here, since its lane was last empty. */
  onOverflow(gateway: string): void;
  limits?: LaneLimits;
}

interface Message {
  bytes: number;
  take(): Promise<void>;
}

interface Lane {
  messages: Message[];
  /** With the one that is being taken. */
  bytes: number;
  overflowed: boolean;
}

export class GatewayLanes {
  readonly #options: GatewayLanesOptions;
  readonly #limits: LaneLimits;
  /** Of gateways that have something waiting or being taken. */
  readonly #lanes = new Map<string, Lane>();
  #bytes = 0;
  #room: (() => void)[] = [];

  constructor(options: GatewayLanesOptions) {
    this.#options = options;
    this.#limits = options.limits ?? LIMITS;
  }

  /** Payloads that wait or are being taken. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Resolves when the message has its place, which is at once but when all lanes together are full. One that its
   * gateway sends beyond its own room is dropped: the hub finds the hole, and asks for it again.
   *
   * @param take resolves when the next message of that gateway may come, and never rejects
   */
  async put(gateway: string, size: number, take: () => Promise<void>): Promise<void> {
    // One that is larger than all of the room comes in alone.
    while (this.#bytes > 0 && this.#bytes + size > this.#limits.totalBytes) {
      await new Promise<void>((resolve) => this.#room.push(resolve));
    }
    let lane = this.#lanes.get(gateway);
    const idle = lane === undefined;
    lane ??= { messages: [], bytes: 0, overflowed: false };
    const { messages, bytes } = this.#limits;
    if (!idle && (lane.messages.length >= messages || lane.bytes + size > bytes)) {
      if (!lane.overflowed) this.#options.onOverflow(gateway);
      lane.overflowed = true;
      return;
    }
    lane.messages.push({ bytes: size, take });
    lane.bytes += size;
    this.#bytes += size;
    if (!idle) return;
    this.#lanes.set(gateway, lane);
    void this.#empty(gateway, lane);
  }

  async #empty(gateway: string, lane: Lane): Promise<void> {
    for (let next = lane.messages[0]; next; next = lane.messages[0]) {
      await next.take();
      lane.messages.shift();
      lane.bytes -= next.bytes;
      this.#bytes -= next.bytes;
      for (const go of this.#room.splice(0)) go();
    }
    this.#lanes.delete(gateway);
  }
}
