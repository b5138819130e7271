/** What the embedded broker asks about clients that only publish: sources of data that are no gateways. */
export interface PublisherDoor {
  verify(name: string, password: Buffer): boolean;
  mayPublish(name: string, topic: string): boolean;
  /** Must not throw. */
  onPublish(message: { account: string; topic: string; payload: Buffer }): void;
}
