/** What is told of the hub to those who run it: metrics, slow requests and queries, traces. */
import { BlockList, isIP } from 'node:net';
import { type Static, Type } from 'typebox';

const closed = { additionalProperties: false };

export const MonitoringConfig = Type.Object(
  {
    metricsFrom: Type.Array(Type.String({ pattern: '^[0-9a-fA-F.:]+(/\\d{1,3})?$' }), {
      default: ['127.0.0.0/8', '::1'],
      maxItems: 50,
      description:
        'Addresses and networks from which GET /metrics is answered without a login; others need an account or a key with metrics.read',
    }),
    slowRequestMs: Type.Integer({
      default: 1_000,
      minimum: 1,
      description: 'A request that takes longer is logged, milliseconds',
    }),
    slowQueryMs: Type.Integer({
      default: 500,
      minimum: 1,
      description: 'A query of a store that takes longer is logged, without its parameters, milliseconds',
    }),
  },
  { ...closed, default: {}, description: 'Metrics, and the log of what was slow' },
);
export type MonitoringConfig = Static<typeof MonitoringConfig>;

export const TelemetryConfig = Type.Object(
  {
    otlpUrl: Type.String({
      pattern: '^https?://[^\\s@]+$',
      description: 'Where traces are sent, OTLP over HTTP with protobuf, such as http://collector:4318/v1/traces',
    }),
    headersFile: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'File with headers to send along, one a line as name: value, such as a token; path from the configuration’s folder',
      }),
    ),
    sampleRatio: Type.Number({
      default: 1,
      minimum: 0,
      maximum: 1,
      description: 'Part of the traces that begin here which is sent; what a caller has decided is kept to',
    }),
  },
  { ...closed, description: 'OpenTelemetry traces; without it none are made' },
);
export type TelemetryConfig = Static<typeof TelemetryConfig>;

/** What is wrong with the networks, each with its place in the list. */
export function checkNetworks(networks: string[]): { path: string[]; message: string }[] {
  return networks.flatMap((network, index) => {
    const [address = '', bits] = network.split('/');
    const family = isIP(address);
    const most = family === 4 ? 32 : 128;
    if (family !== 0 && (bits === undefined || Number(bits) <= most)) return [];
    const message = `"${network}" is no address and no network; write it as 10.1.2.3, 10.1.0.0/16 or fd00::/8`;
    return [{ path: ['monitoring', 'metricsFrom', String(index)], message }];
  });
}

/** Whether an address lies in one of the networks. */
export function isWithin(networks: string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    const family = isIP(address) === 4 ? 'ipv4' : 'ipv6';
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return (given) => {
    // A server that hears both families writes IPv4 in this way.
    const address = given.startsWith('::ffff:') ? given.slice(7) : given;
    const family = isIP(address);
    return family !== 0 && list.check(address, family === 4 ? 'ipv4' : 'ipv6');
  };
}
