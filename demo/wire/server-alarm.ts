/** An alarm that lives in the packer's OPC UA server (OPC 10000-9), as those of a PLC do. */
import type { OPCUAServer } from 'node-opcua-server';

type AddressSpace = NonNullable<OPCUAServer['engine']['addressSpace']>;
type Namespace = ReturnType<AddressSpace['registerNamespace']>;
type Source = ReturnType<Namespace['addObject']>;
type Input = ReturnType<Namespace['addVariable']>;

/** What of a condition is made use of; the server's types do not name the way to make one. */
interface Condition {
  currentBranch(): {
    getActiveState(): boolean;
    getAckedState(): boolean;
    setAckedState(acked: boolean): void;
    setRetain(retain: boolean): void;
  };
  activateAlarm(): void;
  deactivateAlarm(retain: boolean): void;
  raiseNewCondition(info: { message?: string; severity: number; retain: boolean }): void;
  on(event: 'acknowledged', listener: () => void): void;
}

export interface ServerAlarmOptions {
  name: string;
  message: string;
  /** 1 to 1000. */
  severity: number;
  source: Source;
  input: Input;
}

/** Gives a server the methods of conditions. Once, before its first alarm. */
export function installConditions(space: AddressSpace): void {
  (space as unknown as { installAlarmsAndConditionsService(): void }).installAlarmsAndConditionsService();
}

export class ServerAlarm {
  readonly #condition: Condition;
  readonly #message: string;
  readonly #severity: number;
  #active = false;

  constructor(namespace: Namespace, { name, message, severity, source, input }: ServerAlarmOptions) {
    const maker = namespace as unknown as { instantiateAlarmCondition(type: string, options: object): Condition };
    // Without a place in the hierarchy, as in many PLCs: whoever browses for values does not meet its fields.
    this.#condition = maker.instantiateAlarmCondition('AlarmConditionType', {
      browseName: name,
      nodeId: `s=Packer.${name}`,
      conditionName: name,
      conditionSource: source,
      inputNode: input,
    });
    this.#message = message;
    this.#severity = severity;
    this.#condition.currentBranch().setAckedState(true);
    this.#condition.currentBranch().setRetain(false);
    // The server forgets what was acknowledged, though it still holds.
    this.#condition.on('acknowledged', () => this.#active && this.#say());
  }

  /** Raises it, or says that it is over. */
  set(active: boolean): void {
    if (active === this.#active) return;
    this.#active = active;
    if (active) this.#condition.activateAlarm();
    else this.#condition.deactivateAlarm(!this.#condition.currentBranch().getAckedState());
    this.#say();
  }

  #say(): void {
    const retain = this.#active || !this.#condition.currentBranch().getAckedState();
    this.#condition.raiseNewCondition({ message: this.#message, severity: this.#severity, retain });
  }
}
