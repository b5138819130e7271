/** What a Modbus contestant is to do. */
export interface ModbusLoad {
  /** One connection each, to this machine; a port may stand here more than once. */
  ports: number[];
  /** Holding registers from 0 on, all by one request. */
  registers: number;
  type: 'uint16' | 'float32';
  /** Null: the next request goes out when the one before is answered. */
  everyMs: number | null;
  /**
   * The gateway's driver polls by the clock. To have it send back to back, each of its connections gets so many units,
   * and a period in which they cannot all be read: then the line is never idle. Without a period (`everyMs` null) only.
   */
  units: number;
  pollMs: number;
}

export function valuesIn({ registers, type }: Pick<ModbusLoad, 'registers' | 'type'>): number {
  return type === 'float32' ? registers / 2 : registers;
}
