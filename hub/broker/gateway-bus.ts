/** How the hub hears and answers gateways, whichever broker stands between. */
import type { RenewAnswer } from '@lineside/shared/contracts/enrolment.ts';
import type { Command, Committed } from '@lineside/shared/contracts/link.ts';
import type { GatewayTopic } from '@lineside/shared/contracts/topics.ts';

export interface GatewayMessage {
  /** The gateway by its credentials and the topic, which the broker holds against each other. */
  gateway: string;
  kind: GatewayTopic;
  payload: Buffer;
  /** It was kept by the broker: said before, perhaps long ago. */
  retained: boolean;
}

/** Resolves when the next message may come: a receiver that is behind slows its senders down. */
export type GatewayReceiver = (message: GatewayMessage) => Promise<void>;

/** For the metrics. */
export interface BusFigures {
  /** By what they are: gateway, integrator, source. Empty at a broker of the plant, which counts its own. */
  clients: Record<string, number>;
  /** Clients let go since the start: too slow, or they reached for what is not theirs. */
  dropped: number;
}

export interface GatewayBus {
  /** Why gateways cannot be heard; empty while they can. */
  readonly fault: string;
  readonly figures: BusFigures;
  /** Begins to listen. @throws LinesideError PORT_TAKEN, TLS_FILE_UNREADABLE. */
  start(receiver: GatewayReceiver): Promise<void>;
  stop(): Promise<void>;
  answer(gateway: string, committed: Committed): void;
  command(gateway: string, command: Command): void;
  /** To a gateway that asked for another certificate. */
  certificate(gateway: string, answer: RenewAnswer): void;
}
