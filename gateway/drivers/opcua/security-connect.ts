/**
 * The secured way to a server: looks at what it offers, checks its certificate, and gives what the client needs to
 * connect to exactly that certificate. Nothing is accepted by itself, here or on a reconnect.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { readSecret } from '@lineside/shared/config/validate.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import {
  type EndpointDescription,
  MessageSecurityMode,
  OPCUAClient,
  type OPCUAClientOptions,
  SecurityPolicy,
  StatusCodes,
  type UserIdentityInfo,
  UserTokenType,
} from 'node-opcua-client';
import type { OpcUaDevice } from './config.ts';
import { thumbprintOf } from './security-certificate.ts';
import { effectiveSecurity } from './security-config.ts';
import { type OwnCertificate, ownCertificate } from './security-own.ts';
import { explainSecurity, type SecuritySituation } from './security-reason.ts';
import { TrustStore } from './security-store.ts';
import { verifyServer } from './security-verify.ts';

export interface SecurityContext {
  dataDir: string;
  now(): number;
  /** A path of the configuration, taken from the folder of its file. */
  resolvePath(path: string): string;
  /** For the log: something that an operator should know. */
  warn(words: string): void;
}

type CertificateStore = NonNullable<OPCUAClientOptions['clientCertificateManager']>;

export class SecureAccess {
  readonly #device: Pick<OpcUaDevice, 'endpoint' | 'timeoutMs' | 'security' | 'user'>;
  readonly #context: SecurityContext;
  readonly #store: TrustStore;
  readonly #security: ReturnType<typeof effectiveSecurity>;
  #own: OwnCertificate | null = null;
  #discovery: OPCUAClient | null = null;
  /** The file of the server's certificate; null when an authority vouches for it. */
  #trustedFile: string | null = null;

  constructor(device: Pick<OpcUaDevice, 'endpoint' | 'timeoutMs' | 'security' | 'user'>, context: SecurityContext) {
    this.#device = device;
    this.#context = context;
    this.#store = new TrustStore(context.dataDir);
    this.#security = effectiveSecurity(device.security);
  }

  /**
   * Checks the server, and gives the client's options for it.
   *
   * @param otherCertificate called when a reconnect meets a certificate other than the one that was checked
   * @throws LinesideError when the server cannot be trusted, or does not offer what the configuration asks for
   */
  async options(otherCertificate: () => void): Promise<OPCUAClientOptions> {
    const { dataDir, now, warn } = this.#context;
    const own = await ownCertificate(dataDir, now(), (info) =>
      warn(
        `the gateway's own certificate had expired; a new one was made: trust thumbprint ${info.thumbprint} at the OPC UA servers`,
      ),
    );
    this.#own = own;
    const { mode, policy } = this.#security;
    const serverCertificate = policy === 'None' ? undefined : await this.#checkedCertificate();
    return {
      ...identityOf(own),
      clientCertificateManager: onlyThis(serverCertificate, otherCertificate),
      securityMode: MessageSecurityMode[mode],
      securityPolicy: SecurityPolicy[policy],
      ...(serverCertificate ? { serverCertificate } : {}),
    };
  }

  /**
   * Who the gateway is; reads the files, so that a new password counts at the next connection.
   *
   * @param offered asks for the endpoints of the server over the secured connection
   */
  async identity(offered: () => Promise<EndpointDescription[]>): Promise<UserIdentityInfo> {
    const { user } = this.#device;
    if (!user) return { type: UserTokenType.Anonymous };
    const resolve = this.#context.resolvePath;
    if (user.name !== undefined) {
      this.#refuseOpenPassword(this.#select(await offered()));
      return { type: UserTokenType.UserName, userName: user.name, password: readSecret(resolve(user.passwordFile!)) };
    }
    return userCertificate(resolve(user.certFile!), resolve(user.keyFile!));
  }

  /** False when the trust in this very certificate was taken back. Cheap enough for each second. */
  get stillTrusted(): boolean {
    return this.#trustedFile === null || existsSync(this.#trustedFile);
  }

  /** What went wrong while connecting, in an operator's words where security has to do with it. */
  explain(error: unknown): unknown {
    return explainSecurity(error, this.#situation());
  }

  /** Ends a look at the server that is under way. Never rejects. */
  async close(): Promise<void> {
    const discovery = this.#discovery;
    this.#discovery = null;
    await discovery?.disconnect().catch(() => {});
  }

  #situation(): SecuritySituation {
    return { ...this.#security, user: this.#device.user, thumbprint: this.#own?.info.thumbprint ?? '' };
  }

  /** The certificate of the server, after all checks. */
  async #checkedCertificate(): Promise<Buffer> {
    const endpoint = this.#select(await this.#discover());
    this.#requireToken(endpoint);
    const certificate = endpoint.serverCertificate ?? Buffer.alloc(0);
    const { policy, checkHostName } = this.#security;
    const host = checkHostName ? new URL(this.#device.endpoint).hostname : null;
    const applicationUri = endpoint.server?.applicationUri ?? '';
    await verifyServer(certificate, { host, applicationUri, policy }, this.#store, this.#context.now());
    const leaf = new X509Certificate(certificate).raw;
    this.#trustedFile = this.#store.trustedFile(thumbprintOf(leaf));
    return leaf;
  }

  /** What the server offers, asked over an open channel: nothing of it is believed before it is checked. */
  async #discover(): Promise<EndpointDescription[]> {
    const { endpoint, timeoutMs } = this.#device;
    const client = OPCUAClient.create({
      applicationName: 'Lineside',
      clientName: 'lineside-gateway-discovery',
      ...identityOf(this.#own!),
      clientCertificateManager: onlyThis(undefined, () => {}),
      securityMode: MessageSecurityMode.None,
      securityPolicy: SecurityPolicy.None,
      endpointMustExist: false,
      transportTimeout: timeoutMs,
      defaultTransactionTimeout: timeoutMs,
      connectionStrategy: { maxRetry: 0, initialDelay: 100, maxDelay: 200 },
    });
    this.#discovery = client;
    try {
      await client.connect(endpoint);
      return await client.getEndpoints();
    } finally {
      await this.close();
    }
  }

  #select(offered: EndpointDescription[]): EndpointDescription {
    const { policy, mode } = this.#security;
    const found = offered.find(
      (one) => one.securityPolicyUri === SecurityPolicy[policy] && one.securityMode === MessageSecurityMode[mode],
    );
    if (found) return found;
    const words = [...new Set(offered.map(inWords))];
    throw new LinesideError(
      'POLICY_NOT_OFFERED',
      'config',
      `the server does not offer policy ${policy} with mode ${mode}, only ${words.join(', ') || 'nothing'}; change security, or switch it on at the server`,
    );
  }

  #requireToken({ userIdentityTokens }: EndpointDescription): void {
    const { user } = this.#device;
    const wanted = user
      ? user.name !== undefined
        ? UserTokenType.UserName
        : UserTokenType.Certificate
      : UserTokenType.Anonymous;
    const kinds = (userIdentityTokens ?? []).map(({ tokenType }) => tokenType);
    if (kinds.includes(wanted)) return;
    throw new LinesideError(
      'USER_NOT_OFFERED',
      'config',
      `the server takes ${kinds.map((kind) => TOKENS[kind]).join(' or ') || 'nobody'} on this endpoint, not ${TOKENS[wanted]}; change user, or allow it at the server`,
    );
  }

  /** Signing alone hides nothing: then the password itself must be encrypted. */
  #refuseOpenPassword({ userIdentityTokens }: EndpointDescription): void {
    if (this.#security.mode === 'SignAndEncrypt') return;
    const tokens = (userIdentityTokens ?? []).filter(({ tokenType }) => tokenType === UserTokenType.UserName);
    if (!tokens.some(({ securityPolicyUri }) => securityPolicyUri === SecurityPolicy.None)) return;
    throw new LinesideError(
      'PASSWORD_EXPOSED',
      'config',
      'with mode Sign this server takes the password unencrypted; set mode SignAndEncrypt',
    );
  }
}

const TOKENS: Record<number, string> = {
  [UserTokenType.Anonymous]: 'anonymous users',
  [UserTokenType.UserName]: 'user names',
  [UserTokenType.Certificate]: 'user certificates',
  [UserTokenType.IssuedToken]: 'tokens of an issuer',
};

function inWords({ securityPolicyUri, securityMode }: EndpointDescription): string {
  const policy = securityPolicyUri?.split('#')[1] ?? 'an unknown policy';
  return policy === 'None' ? 'None' : `${policy} with ${MessageSecurityMode[securityMode]}`;
}

/** The client's name and key, which must agree: the application URI is the one in the certificate. */
function identityOf({ der, key, info }: OwnCertificate): OPCUAClientOptions {
  return {
    applicationUri: info.applicationUri,
    certificateKeyPairProvider: {
      getCertificate: () => der,
      getCertificateChain: () => [der],
      getPrivateKey: () => ({ hidden: key }),
    },
  };
}

/** A client that reconnects asks for the certificate again; it gets no other than the one that was checked. */
function onlyThis(certificate: Buffer | undefined, other: () => void): CertificateStore {
  return {
    referenceCounter: 0,
    initialize: async () => {},
    dispose: async () => {},
    checkCertificate: async (shown: Buffer | Buffer[]) => {
      const leaf = new X509Certificate(Array.isArray(shown) ? shown[0]! : shown).raw;
      if (certificate?.equals(leaf)) return StatusCodes.Good;
      other();
      return StatusCodes.BadCertificateUntrusted;
    },
    verifyCertificate: async () => 'BadCertificateUntrusted',
    trustCertificate: async () => {},
    rejectCertificate: async () => {},
    getTrustStatus: async () => StatusCodes.BadCertificateUntrusted,
    addIssuer: async () => {},
    addRevocationList: async () => {},
  };
}

/** @throws LinesideError USER_CERTIFICATE naming the file. */
function userCertificate(certFile: string, keyFile: string): UserIdentityInfo {
  const read = <T>(file: string, parse: (content: Buffer) => T): T => {
    try {
      return parse(readFileSync(file));
    } catch (error) {
      throw new LinesideError('USER_CERTIFICATE', 'config', `cannot use ${file}: ${messageOf(error)}`);
    }
  };
  const certificate = read(certFile, (content) => new X509Certificate(content));
  const privateKey = read(keyFile, (content) => content.toString());
  const matches = read(keyFile, (content) => certificate.checkPrivateKey(createPrivateKey(content)));
  if (!matches) {
    throw new LinesideError('USER_CERTIFICATE', 'config', `the key in ${keyFile} does not belong to ${certFile}`);
  }
  return { type: UserTokenType.Certificate, certificateData: certificate.raw, privateKey };
}
