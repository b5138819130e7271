import type { AlarmView, GatewayView, MachineView, Overview } from '@lineside/shared/contracts/api.ts';
import {
  createContext,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useState,
  useSyncExternalStore,
} from 'react';
import { ApiError } from '../api/http.ts';
import { hubApi } from '../api/hub-api.ts';
import { type LinkState, LiveSocket, type SocketLike } from './live-socket.ts';
import { LiveStore, type TagValue } from './live-store.ts';
import { paced } from './paced.ts';
import { EMPTY_PLANT, type PlantMessage, type PlantState, reduceAnswer, reducePlant } from './plant-state.ts';

/** Of the socket, for the lines of charts. Messages a second. */
const MAX_RATE = 10;
/** Numbers change on the page this often. Milliseconds. */
const SHOWN_EVERY_MS = 250;

/** Everything live of one session: the socket, the plant's state, the tags' values. */
export class LiveHub {
  readonly values = new LiveStore(paced(SHOWN_EVERY_MS, requestAnimationFrame));
  private plant: PlantState = EMPTY_PLANT;
  private link: LinkState = { status: 'connecting', since: Date.now() };
  private readonly listeners = new Set<() => void>();
  private readonly wanted = new Map<string, readonly number[]>();
  private scheduled = false;
  private readonly socket = new LiveSocket({
    open: () => new WebSocket(liveAddress()) as SocketLike,
    probe,
    onMessage: (message) => this.take(message),
    onState: (link) => {
      this.link = link;
      this.wake();
    },
  });

  start(): () => void {
    this.socket.start();
    const retry = () => this.socket.retryNow();
    window.addEventListener('online', retry);
    return () => {
      window.removeEventListener('online', retry);
      this.socket.stop();
    };
  }

  retry(): void {
    this.socket.retryNow();
  }

  getPlant = (): PlantState => this.plant;
  getLink = (): LinkState => this.link;

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  };

  /** The overview that came over HTTP, for the first picture; what the socket brought already is newer. */
  offer(overview: Overview): void {
    if (!this.plant.loaded) this.take({ type: 'overview', overview });
  }

  /** What the hub answered over HTTP to something that was asked about an alarm, as the alarm was then. */
  answer(asked: AlarmView, answer: AlarmView): void {
    this.plant = reduceAnswer(this.plant, asked, answer, Date.now());
    this.wake();
  }

  take(message: PlantMessage): void {
    if (message.type === 'values') {
      this.values.put(message.values);
      return;
    }
    this.plant = reducePlant(this.plant, message, Date.now());
    const machines = machinesOf(message);
    for (const machine of machines) this.seed(machine);
    if (machines.length > 0) this.want('tiles', tileTags(this.plant.machines));
    this.wake();
  }

  /** Sets the tags that one part of the page needs; the hub is asked for those of all parts together. */
  want(part: string, tags: readonly number[]): void {
    const known = this.wanted.get(part);
    if (known && known.length === tags.length && known.every((tag, i) => tag === tags[i])) return;
    this.wanted.set(part, tags);
    this.socket.subscribe([...new Set([...this.wanted.values()].flat())], MAX_RATE);
  }

  private seed(machine: MachineView): void {
    for (const { id, at, value, quality } of machine.values) this.values.seed(id, { at, value, quality });
  }

  private wake(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      for (const listener of this.listeners) listener();
    });
  }
}

function machinesOf(message: PlantMessage): readonly MachineView[] {
  if (message.type === 'overview') return message.overview.machines;
  if (message.type === 'snapshot') return message.machines ?? [];
  return message.type === 'machine' ? [message.machine] : [];
}

function tileTags(machines: readonly MachineView[]): number[] {
  return machines.flatMap((machine) => machine.values.map((tag) => tag.id));
}

function liveAddress(): string {
  const address = new URL('/api/v1/live', window.location.href);
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
  return address.href;
}

async function probe(): Promise<'ok' | 'signed-out' | 'unreachable'> {
  try {
    await hubApi.me(AbortSignal.timeout(5_000));
    return 'ok';
  } catch (error) {
    return error instanceof ApiError && error.status === 401 ? 'signed-out' : 'unreachable';
  }
}

const LiveContext = createContext<LiveHub | null>(null);

/** Holds one live connection for what is inside. `onEnded` is called when the session is over. */
export function LiveProvider({ children, onEnded }: { children: ReactNode; onEnded: () => void }) {
  const [hub] = useState(() => new LiveHub());
  useEffect(() => hub.start(), [hub]);
  const link = useSyncExternalStore(hub.subscribe, hub.getLink);
  useEffect(() => {
    if (link.status === 'ended') onEnded();
  }, [link.status, onEnded]);
  return <LiveContext value={hub}>{children}</LiveContext>;
}

export function useLiveHub(): LiveHub {
  const hub = useContext(LiveContext);
  if (!hub) throw new Error('useLiveHub needs a LiveProvider around it');
  return hub;
}

export function useLink(): LinkState {
  const hub = useLiveHub();
  return useSyncExternalStore(hub.subscribe, hub.getLink);
}

/** Since when nothing has been heard of the hub, by this computer's clock; null while it is. */
export function useHubLostAt(): number | null {
  const { status, since } = useLink();
  return status === 'reconnecting' || status === 'unreachable' ? since : null;
}

/** Each of these renders anew only when its own part of the plant has changed. */
export function useMachines(): readonly MachineView[] {
  const hub = useLiveHub();
  return useSyncExternalStore(hub.subscribe, () => hub.getPlant().machines);
}

export function useAlarms(): readonly AlarmView[] {
  const hub = useLiveHub();
  return useSyncExternalStore(hub.subscribe, () => hub.getPlant().alarms);
}

export function useGateways(): readonly GatewayView[] {
  const hub = useLiveHub();
  return useSyncExternalStore(hub.subscribe, () => hub.getPlant().gateways);
}

export function useEnterprise(): string {
  const hub = useLiveHub();
  return useSyncExternalStore(hub.subscribe, () => hub.getPlant().enterprise);
}

/** True once there is anything of the plant to show. */
export function usePlantLoaded(): boolean {
  const hub = useLiveHub();
  return useSyncExternalStore(hub.subscribe, () => hub.getPlant().loaded);
}

/** The newest value of one tag, at most one render a frame. */
export function useTagValue(tag: number): TagValue | undefined {
  const { values } = useLiveHub();
  const subscribe = useCallback((listener: () => void) => values.subscribe(tag, listener), [values, tag]);
  return useSyncExternalStore(subscribe, () => values.get(tag));
}

/**
 * The hub's clock, milliseconds since 1970 UTC, anew each second.
 *
 * @param stepMs whole steps of it for what need not be rendered each second
 */
export function useHubNow(stepMs = 1): number {
  const hub = useLiveHub();
  const offset = useSyncExternalStore(hub.subscribe, () => hub.getPlant().clockOffset);
  return useSyncExternalStore(subscribeSecond, () => Math.floor((second + offset) / stepMs) * stepMs);
}

/** The same anew each minute: what a long list makes of moments changes no sooner. */
export const useHubMinute = (): number => useHubNow(60_000);

const secondListeners = new Set<() => void>();
let secondTimer: ReturnType<typeof setInterval> | undefined;
let second = Date.now();

function subscribeSecond(listener: () => void): () => void {
  if (secondListeners.size === 0) {
    second = Date.now();
    secondTimer = setInterval(() => {
      second = Date.now();
      for (const each of secondListeners) each();
    }, 1_000);
  }
  secondListeners.add(listener);
  return () => {
    secondListeners.delete(listener);
    if (secondListeners.size === 0) clearInterval(secondTimer);
  };
}
