/** The packer at the wire as an OPC UA server, which writes each value that it sets to the truth file. */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { OPCUACertificateManager } from 'node-opcua-certificate-manager';
import { DataType, MessageSecurityMode, SecurityPolicy, type StatusCode, StatusCodes } from 'node-opcua-client';
import { OPCUAServer, type OPCUAServerEndPoint } from 'node-opcua-server';
import { PACKAGING_NAMESPACE, type PackerNode, packerNodes } from '../machines/packer-nodes.ts';
import type { TruthLog } from '../truth-log.ts';
import { listenError } from './listen-error.ts';
import { installConditions, ServerAlarm } from './server-alarm.ts';
import { urlHost } from './url-host.ts';

const DATA_TYPES = {
  Int32: DataType.Int32,
  UInt32: DataType.UInt32,
  UInt16: DataType.UInt16,
  Double: DataType.Double,
} as const;

/** Bit of the alarm word that the server has an alarm of its own for. */
const GUARD_OPEN = 8;

export interface PackagingServerOptions {
  host: string;
  /** 0 takes any free port. */
  port: number;
  /** Folder of this server's own certificate and of those it trusts. */
  pkiDir: string;
  truth: TruthLog;
}

type AddressSpace = NonNullable<OPCUAServer['engine']['addressSpace']>;
type ServerVariable = ReturnType<ReturnType<AddressSpace['registerNamespace']>['addVariable']>;

interface NodeState {
  node: PackerNode;
  variable: ServerVariable;
  value: number | null;
  status: StatusCode;
  /** Source time of the last value, ms. */
  time: number;
}

export class PackagingServer {
  readonly #options: PackagingServerOptions;
  readonly #nodes = new Map<string, NodeState>();
  #server: OPCUAServer | undefined;
  #guardOpen: ServerAlarm | undefined;
  #cut = false;

  constructor(options: PackagingServerOptions) {
    this.#options = options;
  }

  /** `opc.tcp://host:port`, with the port in use. */
  get endpoint(): string {
    return `opc.tcp://${urlHost(advertisedHost(this.#options.host))}:${this.#endpoint()?.port ?? this.#options.port}`;
  }

  /**
   * Builds the nodes and listens.
   * @param initial a value for each node, served from the first connection on.
   * @throws LinesideError `DEMO_LISTEN` when the port is taken.
   */
  async start(initial: Record<string, number>): Promise<void> {
    const { host, port, pkiDir } = this.#options;
    const manager = (name: string): OPCUACertificateManager =>
      new OPCUACertificateManager({
        rootFolder: join(pkiDir, name),
        automaticallyAcceptUnknownCertificate: false,
        disableFileWatchers: true,
      });
    const server = new OPCUAServer({
      host,
      hostname: advertisedHost(host),
      port,
      securityModes: [MessageSecurityMode.None],
      securityPolicies: [SecurityPolicy.None],
      allowAnonymous: true,
      serverCertificateManager: manager('server'),
      userCertificateManager: manager('user'),
      maxConnectionsPerEndpoint: 20,
      // 0 lets a subscriber that asks for sampling interval 0 have every change, with no coalescing window.
      serverCapabilities: { minSupportedSampleRate: 0 },
      buildInfo: { productName: 'Lineside demo packer' },
      serverInfo: { applicationUri: 'urn:lineside:demo:packer' },
    });
    this.#server = server;
    try {
      await server.initialize();
      this.#addNodes(initial);
      await server.start();
    } catch (error) {
      this.#server = undefined;
      throw listenError(error, "packer's OPC UA server", port, '--opcua-port');
    }
  }

  #addNodes(initial: Record<string, number>): void {
    const space = this.#server?.engine.addressSpace;
    if (!space) throw new Error('the OPC UA server has no address space');
    installConditions(space);
    const namespace = space.registerNamespace(PACKAGING_NAMESPACE);
    const packer = namespace.addObject({
      organizedBy: space.rootFolder.objects,
      nodeId: 's=Packer',
      browseName: 'Packer',
      eventSourceOf: space.rootFolder.objects.server,
      eventNotifier: 1,
    });
    for (const node of packerNodes) {
      const value = initial[node.name];
      if (value === undefined) throw new TypeError(`no first value for node ${node.name}`);
      const variable = namespace.addVariable({
        componentOf: packer,
        nodeId: `s=Packer.${node.name}`,
        browseName: node.name,
        description: node.unit ? `${node.description}, ${node.unit}` : node.description,
        dataType: DATA_TYPES[node.dataType],
        accessLevel: 'CurrentRead',
        userAccessLevel: 'CurrentRead',
        minimumSamplingInterval: 0,
      });
      this.#nodes.set(node.name, {
        node,
        variable,
        value: null,
        status: StatusCodes.BadWaitingForInitialData,
        time: 0,
      });
      this.set(node.name, value);
    }
    this.#guardOpen = new ServerAlarm(namespace, {
      ...{ name: 'GuardOpen', message: 'Guard open; close it and start the machine', severity: 400 },
      ...{ source: packer, input: this.#nodes.get('AlarmWord')!.variable },
    });
  }

  /** Sets a value with its own source time; an equal value is no change and is not set again. */
  set(name: string, value: number): void {
    this.#write(name, value, StatusCodes.Good);
    if (name === 'AlarmWord') this.#guardOpen?.set((value & GUARD_OPEN) !== 0);
  }

  /** The sensor behind a node is broken: the node has a bad status and no useful value. */
  setSensorFailure(name: string): void {
    this.#write(name, null, StatusCodes.BadSensorFailure);
  }

  #write(name: string, value: number | null, status: StatusCode): void {
    const state = this.#nodes.get(name);
    if (!state) throw new TypeError(`no node ${name}`);
    if (state.value === value && state.status === status) return;
    // Whole milliseconds that never repeat on a node, also when the clock is set back.
    const time = Math.max(Date.now(), state.time + 1);
    Object.assign(state, { value, status, time });
    const dataType = DATA_TYPES[state.node.dataType];
    const variant = value === null ? { dataType: DataType.Null } : { dataType, value };
    this.#options.truth.write({ m: 'packer', n: name, t: time, v: value, q: status.value });
    state.variable.setValueFromSource(variant, status, new Date(time));
  }

  /** Closes the listener and destroys every socket, as a pulled cable would; sessions live on inside. */
  async cut(): Promise<void> {
    const endpoint = this.#endpoint();
    if (this.#cut || !endpoint) return;
    this.#cut = true;
    const released = new Promise<void>((resolve) => endpoint.suspendConnection(() => resolve()));
    endpoint.killClientSockets(() => undefined);
    await released;
  }

  async restore(): Promise<void> {
    const endpoint = this.#endpoint();
    if (!this.#cut || !endpoint) return;
    try {
      await new Promise<void>((resolve, reject) =>
        endpoint.restoreConnection((error?: Error) => (error ? reject(error) : resolve())),
      );
    } catch (error) {
      throw listenError(error, "packer's OPC UA server", endpoint.port, '--opcua-port');
    }
    this.#cut = false;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server) await server.shutdown(0);
    this.#nodes.clear();
  }

  #endpoint(): OPCUAServerEndPoint | undefined {
    return this.#server?.endpoints[0];
  }
}

function advertisedHost(host: string): string {
  return host === '0.0.0.0' || host === '::' ? hostname() : host;
}
