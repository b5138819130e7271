/** An OPC UA server with variables that a test writes, on 127.0.0.1. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OPCUACertificateManager } from 'node-opcua-certificate-manager';
import {
  DataType,
  MessageSecurityMode,
  SecurityPolicy,
  type StatusCode,
  StatusCodes,
  Variant,
  VariantArrayType,
} from 'node-opcua-client';
import { OPCUAServer } from 'node-opcua-server';

type Space = NonNullable<OPCUAServer['engine']['addressSpace']>;
type ServerVariable = ReturnType<ReturnType<Space['registerNamespace']>['addVariable']>;

export const TEST_NAMESPACE = 'urn:lineside:test:machine';

export interface TestServerOptions {
  /** 0 or absent: the system chooses. */
  port?: number;
  /** Namespaces registered before the test's own, which so gets another index. */
  namespacesBefore?: string[];
  /** Limits beside those that the server has by itself. */
  capabilities?: NonNullable<ConstructorParameters<typeof OPCUAServer>[0]>['serverCapabilities'];
}

export class OpcUaTestServer {
  readonly #options: TestServerOptions;
  #server: OPCUAServer | null = null;
  #variables = new Map<string, ServerVariable>();
  #folder = mkdtempSync(join(tmpdir(), 'lineside-opcua-'));
  #port: number;

  constructor(options: TestServerOptions = {}) {
    this.#options = options;
    this.#port = options.port ?? 0;
  }

  get port(): number {
    return this.#port;
  }

  get endpoint(): string {
    return `opc.tcp://127.0.0.1:${this.#port}`;
  }

  /** The server itself, for a test that makes it misbehave. */
  get raw(): OPCUAServer {
    return this.#server!;
  }

  get space(): Space {
    return this.raw.engine.addressSpace!;
  }

  /** The namespace of the variables. */
  get namespace(): ReturnType<Space['getNamespace']> {
    return this.space.getNamespace(TEST_NAMESPACE);
  }

  /** Starts; the variables are `s=<name>` in TEST_NAMESPACE, with these first values. */
  async start(variables: Record<string, [type: DataType, value: unknown]>): Promise<this> {
    if (this.#port === 0) this.#port = await freePort();
    const server = new OPCUAServer({
      port: this.#port,
      host: '127.0.0.1',
      hostname: '127.0.0.1',
      securityModes: [MessageSecurityMode.None],
      securityPolicies: [SecurityPolicy.None],
      allowAnonymous: true,
      // Without it the server looks at a value at most each 50 ms.
      serverCapabilities: { minSupportedSampleRate: 0, ...this.#options.capabilities },
      serverCertificateManager: new OPCUACertificateManager({
        rootFolder: this.#folder,
        automaticallyAcceptUnknownCertificate: true,
        disableFileWatchers: true,
      }),
    });
    this.#server = server;
    await server.initialize();
    const space: Space = server.engine.addressSpace!;
    for (const uri of this.#options.namespacesBefore ?? []) space.registerNamespace(uri);
    const namespace = space.registerNamespace(TEST_NAMESPACE);
    for (const [name, [dataType, value]] of Object.entries(variables)) {
      const variable = namespace.addVariable({
        organizedBy: space.rootFolder.objects,
        browseName: name,
        nodeId: `s=${name}`,
        dataType: DataType[dataType]!,
        // Each change is reported, rather than what a sampling finds.
        minimumSamplingInterval: 0,
        value: new Variant({ dataType, arrayType: VariantArrayType.Scalar, value }),
      });
      this.#variables.set(name, variable);
    }
    await server.start();
    return this;
  }

  /** Sets a value with the time at which the source had it. */
  set(
    name: string,
    dataType: DataType,
    value: unknown,
    at = new Date(),
    statusCode: StatusCode = StatusCodes.Good,
  ): void {
    const variable = this.#variables.get(name)!;
    variable.setValueFromSource(new Variant({ dataType, value }), statusCode, at);
  }

  /** A Bad status without any value. */
  fail(name: string, statusCode: StatusCode, at = new Date()): void {
    this.#variables.get(name)!.setValueFromSource(new Variant({ dataType: DataType.Null }), statusCode, at);
  }

  /** From now on the server keeps the values of this variable, the present one included, and gives them on request. */
  historize(name: string): void {
    this.space.installHistoricalDataNode(this.#variables.get(name)!, { maxOnlineValues: 100_000 });
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server) await server.shutdown(0);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const { createServer } = await import('node:net');
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}
