/** What the embedded broker asks about gateways that come in by a certificate. */
import type { X509Certificate } from 'node:crypto';

export interface CertificateDoor {
  /** Whose certificate this is, or why it opens nothing. The client has its private key. */
  identify(
    certificate: X509Certificate,
  ): Promise<{ gateway: string; serial: string; notAfter: number } | { refusal: string }>;
  /** Whether a gateway of this id has a certificate that is valid. */
  knows(gateway: string): Promise<boolean>;
}
