/** All drivers, by the `driver:` word of the configuration. A new driver is one folder and one line here. */
import type { DriverModule } from './driver.ts';
import { modbus } from './modbus/modbus.ts';
import { opcua } from './opcua/opcua.ts';

/** Each driver's settings are its own: whoever takes one from here has checked them against its schemas. */
export const drivers: Record<string, DriverModule<never, never>> = { modbus, opcua };
