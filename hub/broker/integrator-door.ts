/** What the embedded broker asks about clients that are no gateways: those who hear the unified namespace. */
export interface IntegratorDoor {
  verify(name: string, password: Buffer): boolean;
  /** Decides for each message, so that a filter may be as wide as it likes. */
  mayHear(name: string, topic: string): boolean;
  /** Whether something can be set there; integrators may publish nowhere else. */
  isSet(topic: string): boolean;
  /** Somebody wants something to be set; whether that may be is decided there, and answered. */
  onSet(message: { topic: string; payload: Buffer; account: string; from: string; retained: boolean }): void;
}
