/** What the embedded broker asks about clients that bring data and are no gateways: what they may say and hear. */
export interface PublisherDoor {
  verify(name: string, password: Buffer): boolean;
  mayPublish(name: string, topic: string): boolean;
  /** Whether it may hear anything by this filter; what it hears, `mayHear` decides for each message. */
  mayListen(name: string, filter: string): boolean;
  mayHear(name: string, topic: string): boolean;
  /** Also of its will, when it is gone. Must not throw. */
  onPublish(message: { account: string; topic: string; payload: Buffer }): void;
}

/** One door for two kinds of them; their names differ. */
export function bothDoors(one: PublisherDoor, other: PublisherDoor): PublisherDoor {
  return {
    verify: (name, password) => one.verify(name, password) || other.verify(name, password),
    mayPublish: (name, topic) => one.mayPublish(name, topic) || other.mayPublish(name, topic),
    mayListen: (name, filter) => one.mayListen(name, filter) || other.mayListen(name, filter),
    mayHear: (name, topic) => one.mayHear(name, topic) || other.mayHear(name, topic),
    onPublish: (message) => (one.mayPublish(message.account, message.topic) ? one : other).onPublish(message),
  };
}
