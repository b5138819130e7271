/** An OPC UA server that signs and encrypts, with users; one variable, `ns=1;s=Speed`, on 127.0.0.1. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OPCUACertificateManager } from 'node-opcua-certificate-manager';
import { DataType, MessageSecurityMode, SecurityPolicy } from 'node-opcua-client';
import { OPCUAServer } from 'node-opcua-server';
import { freePorts } from './free-ports.ts';
import { type CertificateFiles, SERVER_URI } from './opcua-certificates.ts';

export interface SecureServerOptions {
  certificate: CertificateFiles;
  port?: number;
  applicationUri?: string;
  policies?: SecurityPolicy[];
  modes?: MessageSecurityMode[];
  /** Name → password. */
  users?: Record<string, string>;
  allowAnonymous?: boolean;
  /** Whether it takes clients that it has never met; its own matter, and true unless a test says otherwise. */
  trustsClients?: boolean;
}

export class SecureOpcUaServer {
  readonly #options: SecureServerOptions;
  readonly #folder = mkdtempSync(join(tmpdir(), 'lineside-opcua-'));
  #server: OPCUAServer | null = null;
  #port: number;

  constructor(options: SecureServerOptions) {
    this.#options = options;
    this.#port = options.port ?? 0;
  }

  get port(): number {
    return this.#port;
  }

  get certFile(): string {
    return this.#options.certificate.certFile;
  }

  get endpoint(): string {
    return `opc.tcp://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<this> {
    const { certificate, applicationUri, policies, modes, users, allowAnonymous, trustsClients } = this.#options;
    if (this.#port === 0) this.#port = (await freePorts(1))[0]!;
    const manager = (name: string, accepts: boolean) =>
      new OPCUACertificateManager({
        rootFolder: join(this.#folder, name),
        automaticallyAcceptUnknownCertificate: accepts,
        disableFileWatchers: true,
      });
    const server = new OPCUAServer({
      port: this.#port,
      host: '127.0.0.1',
      hostname: '127.0.0.1',
      certificateFile: certificate.certFile,
      privateKeyFile: certificate.keyFile,
      serverInfo: { applicationUri: applicationUri ?? SERVER_URI },
      securityModes: modes ?? [MessageSecurityMode.SignAndEncrypt],
      securityPolicies: policies ?? [SecurityPolicy.Basic256Sha256],
      allowAnonymous: allowAnonymous ?? true,
      maxConnectionsPerEndpoint: 100,
      serverCertificateManager: manager('server', trustsClients ?? true),
      userCertificateManager: manager('users', true),
      userManager: { isValidUser: (name: string, password: string) => users?.[name] === password },
    });
    this.#server = server;
    await server.initialize();
    const space = server.engine.addressSpace!;
    space.getOwnNamespace().addVariable({
      organizedBy: space.rootFolder.objects,
      browseName: 'Speed',
      nodeId: 's=Speed',
      dataType: DataType[DataType.Double]!,
      minimumSamplingInterval: 0,
      value: { dataType: DataType.Double, value: 42 },
    });
    await server.start();
    return this;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server) await server.shutdown(0);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
