import type { LiveMessage, Subscribe } from '@lineside/shared/contracts/live.ts';

/** How the page stands to the hub. `live` once the first message has come. */
export interface LinkState {
  status: 'connecting' | 'live' | 'reconnecting' | 'unreachable' | 'ended';
  /** Since when, milliseconds since 1970 UTC by this computer's clock. */
  since: number;
}

/** The part of a WebSocket that is used here. */
export interface SocketLike {
  readonly readyState: number;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
  send(data: string): void;
  close(): void;
}

export interface LiveSocketOptions {
  open(): SocketLike;
  /** Asks over HTTP why the socket does not come: is the hub there, is the session over? */
  probe(): Promise<'ok' | 'signed-out' | 'unreachable'>;
  onMessage(message: LiveMessage): void;
  onState(state: LinkState): void;
  now?(): number;
  random?(): number;
}

/** The hub sends the time every few seconds: a socket silent for this long is a dead one that nobody told of. */
const SILENCE_MS = 15_000;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 15_000;
const OPEN = 1;
/** As many as the hub takes in one subscription. */
const MOST_TAGS = 2_000;

/** All that may be seen; a snapshot comes first, so what was missed need not be merged. */
const PLANT: Subscribe = {
  ...{ type: 'subscribe', id: 'plant', kinds: ['machines', 'gateways', 'alarms'] },
  ...{ paths: ['**'], tags: [], maxRate: 10, describe: false },
};

interface Wanted {
  tags: number[];
  maxRate: number;
}

/**
 * Keeps one live socket to the hub: reconnects with backoff and jitter (a hub that comes back must not meet all
 * its screens in the same second), asks over HTTP when it cannot, and repeats the subscription.
 */
export class LiveSocket {
  private readonly options: LiveSocketOptions;
  private socket: SocketLike | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private attempt = 0;
  private stopped = true;
  private state: LinkState = { status: 'connecting', since: 0 };
  private wanted: Wanted | null = null;

  constructor(options: LiveSocketOptions) {
    this.options = options;
  }

  start(): void {
    if (!this.stopped) return;
    this.stopped = false;
    this.attempt = 0;
    this.enter('connecting');
    this.connect();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    this.drop();
  }

  /** Which tags to send from now on, at most `maxRate` messages a second; also after each reconnect. */
  subscribe(tags: number[], maxRate: number): void {
    this.wanted = { tags, maxRate };
    if (this.socket?.readyState === OPEN) this.ask(this.socket);
  }

  /** Tries at once instead of after the rest of the backoff: the browser is online again, or someone asked. */
  retryNow(): void {
    if (this.stopped || this.socket) return;
    clearTimeout(this.timer);
    this.connect();
  }

  private connect(): void {
    const socket = this.options.open();
    this.socket = socket;
    let greeted = false;
    socket.onmessage = (event) => {
      this.watch();
      if (!greeted) {
        greeted = true;
        this.attempt = 0;
        socket.send(JSON.stringify(PLANT));
        this.ask(socket);
        this.enter('live');
      }
      const message = parse(event.data);
      if (message) this.options.onMessage(message);
    };
    socket.onclose = () => this.lost();
    this.watch();
  }

  private ask(socket: SocketLike): void {
    if (!this.wanted) return;
    const { tags, maxRate } = this.wanted;
    const values: Subscribe = {
      ...{ type: 'subscribe', id: 'values', kinds: ['values'], paths: [], describe: false },
      ...{ tags: tags.slice(0, MOST_TAGS), maxRate },
    };
    socket.send(JSON.stringify(values));
  }

  private watch(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.lost(), SILENCE_MS);
  }

  private lost(): void {
    clearTimeout(this.timer);
    this.drop();
    if (this.stopped) return;
    if (this.state.status === 'live' || this.state.status === 'connecting') this.enter('reconnecting');
    void this.diagnose();
  }

  private async diagnose(): Promise<void> {
    const found = await this.options.probe();
    if (this.stopped || this.socket) return;
    if (found === 'signed-out') {
      this.stopped = true;
      this.enter('ended');
      return;
    }
    // Keeps the moment of the loss: "not reachable since" means since nothing has come.
    this.enter(found === 'ok' ? 'reconnecting' : 'unreachable', this.state.since);
    const ceiling = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.attempt);
    this.attempt += 1;
    const random = this.options.random ?? Math.random;
    this.timer = setTimeout(() => this.connect(), ceiling * (0.5 + random() / 2));
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = null;
    if (!socket) return;
    socket.onmessage = null;
    socket.onclose = null;
    socket.close();
  }

  private enter(status: LinkState['status'], since = (this.options.now ?? Date.now)()): void {
    if (this.state.status === status && this.state.since === since) return;
    this.state = { status, since };
    this.options.onState(this.state);
  }
}

function parse(data: unknown): LiveMessage | null {
  if (typeof data !== 'string') return null;
  try {
    const message: unknown = JSON.parse(data);
    return message && typeof message === 'object' && 'type' in message ? (message as LiveMessage) : null;
  } catch {
    return null;
  }
}
