/** Alarms of a test server, each moved by hand; the server's own code does the rest (OPC 10000-9). */
import { DataType, type StatusCode } from 'node-opcua-client';
import type { OpcUaTestServer } from './opcua-test-server.ts';

/** What of a condition is made use of; the server's types do not name the way to make one. */
interface Condition {
  currentBranch(): {
    getActiveState(): boolean;
    getAckedState(): boolean;
    setAckedState(acked: boolean): void;
    setRetain(retain: boolean): void;
    getComment(): { text: string };
    setComment(comment: string): void;
  };
  acknowledge: { bindMethod(method: (...args: never[]) => void): void };
  activateAlarm(): void;
  deactivateAlarm(retain: boolean): void;
  raiseNewCondition(info: { message?: string; severity: number; retain: boolean }): void;
  /** Calms it, and keeps what was not acknowledged as a branch. */
  signalNewCondition(state: string | null, active: boolean, value: string): void;
}

/** Gives the server its methods for conditions; without, it is one that has none. */
export function withAlarms(server: OpcUaTestServer): void {
  (server.space as unknown as { installAlarmsAndConditionsService(): void }).installAlarmsAndConditionsService();
}

type Maker = { instantiateAlarmCondition(type: string, options: object): Condition };

export class ServerAlarm {
  readonly condition: Condition;
  readonly #severity: number;

  /** `s=Motor.<name>`, of the source `Motor`. */
  constructor(server: OpcUaTestServer, name: string, severity = 600, optionals: string[] = []) {
    const { namespace, space } = server;
    const { objects } = space.rootFolder;
    const motor =
      namespace.findNode(`s=Motor`) ??
      namespace.addObject({
        browseName: 'Motor',
        nodeId: 's=Motor',
        organizedBy: objects,
        eventSourceOf: objects.server,
        eventNotifier: 1,
      });
    const input = namespace.addVariable({ componentOf: motor, browseName: `${name}Input`, dataType: 'Double' });
    input.setValueFromSource({ dataType: DataType.Double, value: 0 });
    this.#severity = severity;
    this.condition = (namespace as unknown as Maker).instantiateAlarmCondition('AlarmConditionType', {
      browseName: name,
      nodeId: `s=Motor.${name}`,
      componentOf: motor,
      conditionName: name,
      conditionSource: motor,
      inputNode: input,
      optionals,
    });
    this.condition.currentBranch().setAckedState(true);
    this.condition.currentBranch().setRetain(false);
  }

  raise(message: string, severity = this.#severity): this {
    this.condition.activateAlarm();
    this.condition.raiseNewCondition({ message, severity, retain: true });
    return this;
  }

  /** Other words or urgency of the same state. */
  change(message: string, severity = this.#severity): void {
    this.condition.raiseNewCondition({ message, severity, retain: true });
  }

  /** The situation is over; of interest while nobody has acknowledged. */
  calm(): void {
    const retain = !this.condition.currentBranch().getAckedState();
    this.condition.deactivateAlarm(retain);
    this.condition.raiseNewCondition({ severity: this.#severity, retain });
  }

  /** As at the server's own screen. */
  acknowledge(comment: string): void {
    const branch = this.condition.currentBranch();
    branch.setAckedState(true);
    branch.setComment(comment);
    branch.setRetain(branch.getActiveState());
    this.condition.raiseNewCondition({ severity: this.#severity, retain: branch.getActiveState() });
  }

  /** It cannot be acknowledged by the method any more. */
  refuse(statusCode: StatusCode): void {
    this.condition.acknowledge.bindMethod((_arguments, _context, done: (error: null, result: object) => void) =>
      done(null, { statusCode }),
    );
  }
}
