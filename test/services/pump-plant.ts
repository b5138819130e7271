/** The smallest plant that gateways and machines come into: a pump on each site, and the gateway of the first of them. */

/** The plant's file. @param gateways of each site, by its id */
export function pumpPlant(gateways: Record<string, string> = { hamburg: 'line-1' }): string {
  const sites = Object.entries(gateways).map(
    ([id, gateway]) => `  - id: ${id}
    name: ${id}
    timeZone: UTC
    shifts: [{ name: Day, from: "00:00", to: "00:00" }]
    areas:
      - { id: area, name: Area, lines: [{ id: line, name: Line, cells: [{ id: pump, name: Pump, gateway: ${gateway}, device: pump }] }] }
`,
  );
  return `enterprise: { id: acme, name: Acme }\nsites:\n${sites.join('')}`;
}

/** The configuration of gateway line-1, whose pump never answers. @param hub the settings of its link */
export function pumpGateway(hub: string): string {
  return `gateway: { id: line-1 }
dataDir: gateway
hub: { ${hub} }
local: { port: 0 }
devices: [{ id: pump, driver: modbus, host: 127.0.0.1, port: 1, unitId: 1, pollMs: 1000, tags: [{ name: a, address: "holding:0", type: int16 }] }]
`;
}
