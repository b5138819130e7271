/** The certificate by which a gateway comes in to its hub, and asking for the next one while it is there. */
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { MqttClient } from 'mqtt';

/** How often it is looked whether the certificate is to be renewed. */
const LOOK_MS = 60_000;

export interface LinkCertificate {
  /** Why the gateway cannot come in by it; empty when it can. */
  problem(): string;
  /** What to ask the hub when it is time for another one; null when it is not. */
  request(): Promise<object | null>;
  /** Whether it is another one from now on, after this answer. */
  answered(message: unknown): Promise<boolean>;
}

interface Renewal {
  certificate: LinkCertificate;
  client: MqttClient;
  /** Where certificates come, and where they are asked for. */
  topics: { certificate: string; renew: string };
  isCurrent(): boolean;
  log: Logger;
}

/**
 * Listens for certificates, and asks for one when it is time. A broker whose rights are older than this topic goes on
 * as before, until the certificate ends.
 *
 * @returns the timer that looks
 */
export function renewWhenDue({ certificate, client, topics, isCurrent, log }: Renewal): NodeJS.Timeout {
  const look = async () => {
    try {
      const request = await certificate.request();
      if (request && isCurrent() && client.connected)
        client.publish(topics.renew, JSON.stringify(request), { qos: 1 });
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'certificate not renewed; trying again in an hour');
    }
  };
  client.subscribe(topics.certificate, { qos: 1 }, (error, granted) => {
    if (!isCurrent()) return;
    const refused = error || (granted ?? []).some(({ qos }) => qos === 128);
    if (refused) log.warn('the broker refuses the topic by which certificates come: it cannot be renewed');
    else void look();
  });
  return setInterval(() => void look(), LOOK_MS);
}
