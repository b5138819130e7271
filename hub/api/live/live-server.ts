/** Gives each client on the live socket what it has subscribed to: values, pictures and events of the plant. */
import type { GatewayView, MachineView } from '@lineside/shared/contracts/api.ts';
import {
  LiveClose,
  type LiveKind,
  type LiveMessage,
  MAX_LIVE_TAGS,
  MAX_SUBSCRIPTIONS,
  Subscribe,
  Unsubscribe,
} from '@lineside/shared/contracts/live.ts';
import { Value } from 'typebox/value';
import type { WebSocket } from 'ws';
import { reaches } from '../../auth/identity.ts';
import type { ApiServices } from '../services.ts';
import { EventLog, type EventMessage, type LiveEvent } from './event-log.ts';
import { LiveClient } from './live-client.ts';
import { PathFilter } from './path-filter.ts';
import { PlantPaths } from './plant-paths.ts';
import type { Subscription } from './subscription.ts';
import { valuesMessage } from './value-group.ts';
import { ValueGroups } from './value-groups.ts';
import type { Viewer } from './viewer.ts';

export type LiveServices = Pick<ApiServices, 'board' | 'alarms' | 'enterprise' | 'equipment' | 'machines' | 'now'>;

const EVENTS: readonly LiveKind[] = ['states', 'alarms', 'jobs'];

/** Why a subscription is refused. */
class Refusal extends Error {
  readonly code: string;

  constructor(code: string, detail: string) {
    super(detail);
    this.code = code;
  }
}

export class LiveServer {
  readonly #services: LiveServices;
  readonly #paths: PlantPaths;
  readonly #groups: ValueGroups;
  readonly #log = new EventLog();
  readonly #clients = new Map<LiveClient, Viewer>();
  /** State and connection of each machine, as last told. */
  readonly #states = new Map<string, string>();
  readonly #unlisten: () => void;
  /** Since the start. */
  readonly counts = { messages: 0, events: 0, dropped: {} as Record<string, number> };

  constructor(services: LiveServices) {
    this.#services = services;
    const { board, equipment, machines } = services;
    this.#paths = new PlantPaths({ catalog: board.catalog, equipment, machines });
    this.#groups = new ValueGroups(board, this.#paths);
    for (const machine of board.machines()) this.#states.set(machine.path, stateOf(machine));
    const machine = (view: MachineView) => this.#machine(view);
    const gateway = (view: GatewayView) => this.#gateway(view);
    const alarm = (view: { machine: string; gateway: string; device: string }) => {
      const paths = view.machine ? [view.machine] : this.#paths.ofDevice(view.gateway, view.device);
      this.#event('alarms', paths, { type: 'alarm', at: services.now(), alarm: view });
    };
    const job = (view: { machine: string; gateway: string }) => {
      this.#event('jobs', this.#pathsOfJob(view), { type: 'job', at: services.now(), job: view });
    };
    board.on('machine', machine).on('gateway', gateway).on('alarm', alarm).on('job', job);
    this.#unlisten = () => {
      board.off('machine', machine).off('gateway', gateway).off('alarm', alarm).off('job', job);
    };
  }

  get clients(): Iterable<LiveClient> {
    return this.#clients.keys();
  }

  /** How many there are of what. */
  get figures() {
    let [subscriptions, slow] = [0, 0];
    for (const client of this.#clients.keys()) {
      subscriptions += client.subscriptions.size;
      slow += Number(client.slow);
    }
    const { size: groups } = this.#groups;
    return { clients: this.#clients.size, subscriptions, slow, groups, keptEvents: this.#log.size, ...this.counts };
  }

  /** Greets a client. From now on it is given what it asks for, until `leave`. */
  enter(socket: WebSocket, viewer: Viewer): LiveClient {
    const client = new LiveClient({
      socket,
      valuesOf: (tags) => valuesMessage(tags, (tag) => this.#services.board.last(tag)),
      onSent: () => this.counts.messages++,
      onDropped: (code) => {
        this.counts.dropped[code] = (this.counts.dropped[code] ?? 0) + 1;
      },
    });
    this.#clients.set(client, viewer);
    const { enterprise, now } = this.#services;
    const { name: user } = viewer;
    const sites = viewer.sites && [...viewer.sites];
    client.send({ type: 'hello', serverTime: now(), user, enterprise, sites, event: this.#log.newest });
    return client;
  }

  leave(client: LiveClient): void {
    this.#clients.delete(client);
    client.ended();
    for (const subscription of client.subscriptions.values()) this.#end(client, subscription);
    client.subscriptions.clear();
  }

  /** Takes what a client says. */
  receive(client: LiveClient, text: string): void {
    const viewer = this.#clients.get(client);
    if (!viewer || !client.mayAsk()) return;
    const message = parse(text);
    if (Value.Check(Unsubscribe, message)) this.#unsubscribe(client, message.id);
    else if (Value.Check(Subscribe, message)) this.#subscribe(client, viewer, message);
    else client.close(LiveClose.notUnderstood, 'message not understood');
  }

  sayTime(): void {
    const message = Buffer.from(
      JSON.stringify({ type: 'time', serverTime: this.#services.now(), event: this.#log.newest }),
    );
    for (const client of this.#clients.keys()) client.takeTime(message);
  }

  stop(): void {
    this.#unlisten();
    this.#groups.stop();
  }

  #subscribe(client: LiveClient, viewer: Viewer, wanted: Subscribe): void {
    const { id } = wanted;
    try {
      const { subscription, group } = this.#plan(client, viewer, wanted);
      this.#unsubscribe(client, id);
      client.subscriptions.set(id, subscription);
      if (group) subscription.group = group.join(client);
      const events = EVENTS.filter((kind) => subscription.kinds.has(kind));
      const missed = wanted.after === undefined || events.length === 0 ? null : this.#log.after(wanted.after);
      const tags = group?.tags.size ?? 0;
      client.send({ type: 'subscribed', id, tags, resumed: missed !== null, event: this.#log.newest });
      if (subscription.describe && group) client.describe(id, group.meant);
      this.#sendSnapshot(client, subscription, missed !== null);
      for (const event of missed ?? []) client.replay(subscription, event);
      const values = group && valuesMessage(group.tags, (tag) => this.#services.board.last(tag));
      if (values) client.takeValues(values, group.tags);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      client.send({ type: 'error', id, code: error.code, detail: error.message });
    }
  }

  /** @throws Refusal */
  #plan(client: LiveClient, viewer: Viewer, wanted: Subscribe) {
    const { id, paths, maxRate, describe } = wanted;
    const { sites } = viewer;
    const kinds = new Set(wanted.kinds);
    const forbidden = wanted.kinds.find((kind) => !viewer.may(kind));
    if (forbidden) throw new Refusal('NOT_ALLOWED', `your rights do not include ${forbidden}`);
    if (!client.subscriptions.has(id) && client.subscriptions.size >= MAX_SUBSCRIPTIONS) {
      throw new Refusal('TOO_MANY_SUBSCRIPTIONS', `a client has ${MAX_SUBSCRIPTIONS} subscriptions at most`);
    }
    // What may not be seen is not there: nobody learns what other sites have.
    const unknown = wanted.tags.find((tag) => !this.#paths.visible(tag, sites));
    if (unknown !== undefined) throw new Refusal('TAG_NOT_FOUND', `there is no tag ${unknown}`);
    const filter = filterOf(paths, sites);
    const tags = [...new Set(wanted.tags)];
    const group =
      kinds.has('values') && paths.length + tags.length > 0
        ? this.#groups.find({ paths, tags, maxRate, sites })
        : undefined;
    let total = group?.tags.size ?? 0;
    for (const other of client.subscriptions.values()) {
      if (other.id !== id) total += other.group?.tags.size ?? 0;
    }
    if (total > MAX_LIVE_TAGS) {
      throw new Refusal('TOO_MANY_TAGS', `these are ${total} tags together; a client has ${MAX_LIVE_TAGS} at most`);
    }
    const subscription: Subscription = {
      id,
      kinds,
      filter,
      group: undefined,
      describe: describe && paths.length > 0,
    };
    return { subscription, group };
  }

  #unsubscribe(client: LiveClient, id: string): void {
    const subscription = client.subscriptions.get(id);
    if (!subscription) return;
    client.subscriptions.delete(id);
    this.#end(client, subscription);
  }

  #end(client: LiveClient, { group }: Subscription): void {
    if (group) this.#groups.leave(group, client);
  }

  /** Machines and gateways always; alarms and jobs unless what was missed of them follows. */
  #sendSnapshot(client: LiveClient, { id, kinds, filter }: Subscription, resumed: boolean): void {
    const { sites } = this.#clients.get(client)!;
    const { board, alarms, now } = this.#services;
    const meant = (paths: string[]) => paths.some((path) => filter.matches(path));
    const snapshot: LiveMessage = { type: 'snapshot', id, event: this.#log.newest, serverTime: now() };
    if (kinds.has('machines') || (kinds.has('states') && !resumed)) {
      snapshot.machines = board.machines().filter(({ path }) => meant([path]));
    }
    if (kinds.has('gateways')) {
      snapshot.gateways = board.gateways
        .all()
        .filter((gateway) => meant(this.#paths.ofGateway(gateway.id)))
        .map((gateway) => this.#shown(gateway, sites));
    }
    if (kinds.has('alarms') && !resumed) {
      snapshot.alarms = alarms
        .open()
        .filter(({ machine, gateway, device }) => meant(machine ? [machine] : this.#paths.ofDevice(gateway, device)));
    }
    if (kinds.has('jobs') && !resumed) {
      snapshot.jobs = board.jobs.all().filter((job) => meant(this.#pathsOfJob(job)));
    }
    if (snapshot.machines ?? snapshot.gateways ?? snapshot.alarms ?? snapshot.jobs) client.send(snapshot);
  }

  /** What is the hub's own is seen by those who see the whole plant. */
  #pathsOfJob({ machine, gateway }: { machine: string; gateway: string }): string[] {
    if (machine) return [machine];
    return gateway ? this.#paths.ofGateway(gateway) : [this.#paths.root];
  }

  #machine(machine: MachineView): void {
    const { path, name, state, connection } = machine;
    if (this.#clients.size > 0) {
      const text = Buffer.from(JSON.stringify({ type: 'machine', machine }));
      for (const client of this.#clients.keys()) client.picture('machines', `machine ${path}`, [path], text);
    }
    const now = stateOf(machine);
    if (this.#states.get(path) === now) return;
    this.#states.set(path, now);
    this.#event('states', [path], { type: 'state', at: this.#services.now(), path, name, state, connection });
  }

  #gateway(gateway: GatewayView): void {
    const paths = this.#paths.ofGateway(gateway.id);
    /** By the sites of those who look. */
    const texts = new Map<string, Buffer>();
    for (const [client, { sites }] of this.#clients) {
      const key = JSON.stringify(sites);
      let text = texts.get(key);
      if (!text) {
        text = Buffer.from(JSON.stringify({ type: 'gateway', gateway: this.#shown(gateway, sites) }));
        texts.set(key, text);
      }
      client.picture('gateways', `gateway ${gateway.id}`, paths, text);
    }
  }

  /** With the devices that may be seen: a gateway may serve several sites. */
  #shown(gateway: GatewayView, sites: Viewer['sites']): GatewayView {
    if (sites === null) return gateway;
    const seen = ({ device }: { device: string }) =>
      this.#paths.ofDevice(gateway.id, device).some((path) => reaches({ sites }, path));
    return { ...gateway, devices: gateway.devices.filter(seen) };
  }

  #event(kind: LiveEvent['kind'], paths: string[], message: EventMessage): void {
    const event = this.#log.add(kind, paths, message);
    this.counts.events++;
    for (const client of this.#clients.keys()) client.event(event);
  }
}

/** @throws Refusal */
function filterOf(paths: string[], sites: Viewer['sites']): PathFilter {
  try {
    return new PathFilter(paths, sites);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const words = `"${error.message}" is no pattern: levels parted by single slashes, * within a level, ** as a level`;
    throw new Refusal('PATTERN_INVALID', words);
  }
}

function stateOf({ state, connection }: MachineView): string {
  return `${state.name} ${state.category} ${connection.status}`;
}

/** With what a schema says of things that are not given. */
function parse(text: string): unknown {
  try {
    const message: unknown = JSON.parse(text);
    const type = typeof message === 'object' && message !== null && 'type' in message ? message.type : undefined;
    return type === 'subscribe' ? Value.Default(Subscribe, message) : message;
  } catch {
    return undefined;
  }
}
