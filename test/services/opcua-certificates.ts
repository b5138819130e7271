/** Certificates for OPC UA tests: self-signed ones of one key, which is made once for a test file. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OPCUACertificateManager } from 'node-opcua-certificate-manager';

export interface CertificateFiles {
  certFile: string;
  keyFile: string;
}

export interface CertificateWish {
  name: string;
  applicationUri?: string;
  ip?: string[];
  dns?: string[];
  startDate?: Date;
  /** Days. */
  validity?: number;
}

export class CertificateMaker {
  readonly folder = mkdtempSync(join(tmpdir(), 'lineside-certificates-'));
  readonly #manager = new OPCUACertificateManager({
    rootFolder: join(this.folder, 'pki'),
    disableFileWatchers: true,
  });
  #made = 0;

  async make(wish: CertificateWish): Promise<CertificateFiles> {
    await this.#manager.initialize();
    const certFile = join(this.folder, `${wish.name}-${this.#made++}.pem`);
    await this.#manager.createSelfSignedCertificate({
      applicationUri: wish.applicationUri ?? SERVER_URI,
      dns: wish.dns ?? [],
      ip: wish.ip ?? ['127.0.0.1'],
      outputFile: certFile,
      subject: `/CN=${wish.name}/O=Example`,
      startDate: wish.startDate ?? new Date(Date.now() - 86_400_000),
      validity: wish.validity ?? 365,
    });
    return { certFile, keyFile: this.#manager.privateKey };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export const SERVER_URI = 'urn:lineside:test:server';
