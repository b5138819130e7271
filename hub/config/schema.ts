/** The hub's configuration. */
import { TlsClient } from '@lineside/shared/config/tls-client.ts';
import { GATEWAY_ID_PATTERN } from '@lineside/shared/contracts/topics.ts';
import { type Static, Type } from 'typebox';
import { BackupConfig } from '../backup/config.ts';
import { EnrolmentConfig } from '../enrolment/config.ts';
import { JsonSourceConfig } from '../foreign/config.ts';
import { MonitoringConfig, TelemetryConfig } from '../monitoring/config.ts';
import { ReplicaConfig, RolesConfig } from '../replicas/config.ts';
import { SparkplugHostConfig } from '../sparkplug/config.ts';
import { RelationalConfig } from '../store/postgres/config.ts';
import { TimeSeriesConfig } from '../store/timeseries/config.ts';
import { HubUnsConfig, IntegratorConfig } from '../uns/config.ts';
import { AuthConfig } from './auth.ts';
import { HttpConfig, SERVER_NAMES } from './http.ts';

const closed = { additionalProperties: false };

const Gateway = Type.Object(
  {
    id: Type.String({ pattern: GATEWAY_ID_PATTERN, description: 'The id in the gateway’s own configuration' }),
    passwordFile: Type.Optional(
      Type.String({
        description:
          'File that holds the password by which it comes in, path from the configuration’s folder; not needed by one that has enrolled and comes in by its certificate',
      }),
    ),
  },
  closed,
);

const ServerTls = Type.Object(
  {
    certFile: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'Certificate (PEM), path from the configuration’s folder; without it the hub’s own authority issues one and renews it',
      }),
    ),
    keyFile: Type.Optional(
      Type.String({ minLength: 1, description: 'Private key (PEM) of certFile, readable by the hub only' }),
    ),
    clientCaFile: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'With it, every client needs a certificate that one of these (PEM) or the hub’s own authority has signed; for a gateway that has not enrolled, beside its password',
      }),
    ),
    names: SERVER_NAMES,
    port: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 65535,
        description:
          'Port for TLS, such as 8883, beside mqtt.port without it; 0: any free. Absent: mqtt.port speaks nothing but TLS',
      }),
    ),
  },
  { ...closed, description: 'TLS for gateways. Gateways that have enrolled come in by their certificate' },
);

const ExternalBroker = Type.Object(
  {
    url: Type.String({
      pattern: '^(mqtt|mqtts)://[^/@\\s]+$',
      description: 'Address of a broker such as Mosquitto; with it, the embedded one is not started',
    }),
    username: Type.String({ default: 'hub', minLength: 1, maxLength: 64, description: 'Who the hub is there' }),
    passwordFile: Type.Optional(
      Type.String({ description: 'File that holds its password there, path from the configuration’s folder' }),
    ),
    tls: Type.Optional(TlsClient),
    mqttVersion: Type.Union([Type.Literal('3.1.1'), Type.Literal('5')], {
      default: '3.1.1',
      description: 'What is spoken there; with 5 the broker says why it refuses something',
    }),
  },
  { ...closed, description: 'An external MQTT broker' },
);

export const HubConfig = Type.Object(
  {
    roles: RolesConfig,
    replica: ReplicaConfig,
    dataDir: Type.String({
      default: './var/hub',
      description: 'Folder of the stores, from the configuration’s folder',
    }),
    plant: Type.String({ description: 'The plant’s equipment, YAML, path from the configuration’s folder' }),
    http: HttpConfig,
    mqtt: Type.Object(
      {
        host: Type.String({ default: '127.0.0.1', description: 'Address on which gateways are heard' }),
        port: Type.Integer({
          default: 1883,
          minimum: 0,
          maximum: 65535,
          description: 'Port for gateways; 0: any free',
        }),
        tls: Type.Optional(ServerTls),
        broker: Type.Optional(ExternalBroker),
        accounts: Type.Array(IntegratorConfig, {
          default: [],
          maxItems: 200,
          description: 'Who may hear the topics of uns at the embedded broker, beside the gateways',
        }),
      },
      { ...closed, default: {}, description: 'The embedded broker, or the external one that gateways come to' },
    ),
    uns: HubUnsConfig,
    sources: Type.Array(JsonSourceConfig, {
      default: [],
      maxItems: 200,
      description: 'Programs that are no gateways and publish JSON over MQTT',
    }),
    sparkplug: Type.Optional(SparkplugHostConfig),
    enrolment: EnrolmentConfig,
    gateways: Type.Array(Gateway, { default: [], maxItems: 2_000, description: 'The gateways that may come in' }),
    auth: AuthConfig,
    relational: Type.Optional(RelationalConfig),
    timeSeries: TimeSeriesConfig,
    backup: BackupConfig,
    monitoring: MonitoringConfig,
    telemetry: Type.Optional(TelemetryConfig),
    log: Type.Object(
      {
        level: Type.Union(
          ['fatal', 'error', 'warn', 'info', 'debug', 'trace'].map((level) => Type.Literal(level)),
          { default: 'info', description: 'Least important lines that are written' },
        ),
      },
      { ...closed, default: {}, description: 'The log on standard output' },
    ),
  },
  { ...closed, title: 'Lineside hub' },
);
export type HubConfig = Static<typeof HubConfig>;
