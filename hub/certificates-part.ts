/** The certificates that the hub shows, to browsers and to gateways: where they come from, and how long they are good. */
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { type CertificateLife, isNearEnd } from '@lineside/shared/contracts/certificate-life.ts';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Unwind } from '@lineside/shared/lifecycle/unwind.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { Authority } from './enrolment/authority.ts';
import { CertificateFiles, outOfTime } from './enrolment/certificate-files.ts';
import { ServerCertificate } from './enrolment/server-certificate.ts';
import type { ShownCertificate } from './enrolment/shown-certificate.ts';

/** How often files are looked at. Milliseconds. */
const LOOK_MS = 5_000;
/** And what the hub's own authority has issued: a machine may get another name or address. Milliseconds. */
const OWN_LOOK_MS = 6 * 3_600_000;
const DAY_MS = 86_400_000;

/** The part of the configuration that it belongs to. */
export type CertificateUse = 'http' | 'mqtt';
const USES: Record<CertificateUse, { shownBy: string; ownFile: string }> = {
  http: { shownBy: 'pages and API', ownFile: 'pages.pem' },
  mqtt: { shownBy: 'the broker', ownFile: 'broker.pem' },
};

interface Known {
  shown: ShownCertificate;
  life: CertificateLife;
  /** Why a newer one could not be taken; empty when there is nothing to say. */
  problem: string;
  lookedAt: number;
  onRenewed: (() => void) | undefined;
}

export interface CertificatesPartOptions {
  dataDir: string;
  authority(): Promise<Authority>;
  log: Logger;
  now(): number;
  lookMs?: number;
}

export class CertificatesPart {
  readonly #options: CertificatesPartOptions;
  readonly #known = new Map<CertificateUse, Known>();

  constructor(options: CertificatesPartOptions) {
    this.#options = options;
  }

  /**
   * One that has ended is shown all the same: data is collected meanwhile, and `faults` says so.
   *
   * @param paths absolute; without them the hub's own authority issues one
   * @throws LinesideError TLS_FILE_UNREADABLE, AUTHORITY_UNREADABLE, AUTHORITY_ELSEWHERE
   */
  async open(
    use: CertificateUse,
    { certFile, keyFile, names }: { certFile?: string; keyFile?: string; names: string[] },
  ): Promise<ShownCertificate> {
    const { dataDir, authority, log, now } = this.#options;
    const { shownBy, ownFile } = USES[use];
    const shown =
      certFile === undefined
        ? new ServerCertificate({
            ...{ file: join(dataDir, 'authority', ownFile), authority: await authority() },
            ...{ names, what: shownBy, log },
          })
        : new CertificateFiles({ certFile, keyFile: keyFile! }, `${use}.tls`);
    await shown.keepFresh(now());
    const known = { shown, life: lifeOf(shown), problem: '', lookedAt: now(), onRenewed: undefined };
    this.#known.set(use, known);
    for (const words of this.faults()) log.error(words);
    return shown;
  }

  /** What to do when there is another one. */
  onRenewed(use: CertificateUse, act: () => void): void {
    const known = this.#known.get(use);
    if (known) known.onRenewed = act;
  }

  start(unwind: Unwind): void {
    let looking = Promise.resolve();
    const timer = setInterval(() => {
      looking = looking.then(() => this.#look());
    }, this.#options.lookMs ?? LOOK_MS);
    unwind.defer('certificates', async () => {
      clearInterval(timer);
      await looking;
    });
  }

  /** When each of them ends, milliseconds since 1970 UTC. */
  ends(): { use: CertificateUse; notAfter: number }[] {
    return [...this.#known].map(([use, { life }]) => ({ use, notAfter: life.notAfter }));
  }

  /** Those that no client takes any more, in words. */
  faults(): string[] {
    const { now } = this.#options;
    return this.#words(({ shown }) => outOfTime(shown.pair.certificate, now()));
  }

  /** What somebody should see to before one of them ends, in words. */
  notices(): string[] {
    const now = this.#options.now();
    return this.#words(({ shown, life, problem }) => {
      if (outOfTime(shown.pair.certificate, now) !== '') return '';
      if (problem !== '') return `could not be renewed, and the one before is still shown: ${problem}`;
      if (!isNearEnd(life, now)) return '';
      const days = Math.floor((life.notAfter - now) / DAY_MS);
      return `ends in ${days === 0 ? 'less than a day' : days === 1 ? 'one day' : `${days} days`}: renew it; a new file is taken without a restart`;
    });
  }

  #words(of: (known: Known) => string): string[] {
    return [...this.#known].flatMap(([use, known]) => {
      const words = of(known);
      return words === '' ? [] : [`the certificate of ${USES[use].shownBy} (${known.shown.origin}) ${words}`];
    });
  }

  /** Never rejects. */
  async #look(): Promise<void> {
    const now = this.#options.now();
    for (const [use, known] of this.#known) {
      const isOwn = known.shown instanceof ServerCertificate;
      if (isOwn && known.problem === '' && now - known.lookedAt < OWN_LOOK_MS) continue;
      known.lookedAt = now;
      await this.#renew(use, known);
    }
  }

  async #renew(use: CertificateUse, known: Known): Promise<void> {
    const { log, now } = this.#options;
    const { shownBy } = USES[use];
    try {
      const isAnother = await known.shown.keepFresh(now());
      known.problem = '';
      if (!isAnother) return;
      known.life = lifeOf(known.shown);
      known.onRenewed?.();
      log.info(
        { until: new Date(known.life.notAfter).toISOString() },
        `${shownBy}: another certificate is shown now`,
      );
    } catch (error) {
      const problem = messageOf(error);
      if (problem !== known.problem) log.warn({ error: problem }, `${shownBy}: no newer certificate, trying again`);
      known.problem = problem;
    }
  }
}

function lifeOf({ pair }: ShownCertificate): CertificateLife {
  const { validFromDate, validToDate } = new X509Certificate(pair.certificate);
  return { notBefore: validFromDate.getTime(), notAfter: validToDate.getTime() };
}
