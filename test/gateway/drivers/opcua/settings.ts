/** Devices and tags with settings that make a test quick. */
import { type DataType, ServiceFault, type StatusCode } from 'node-opcua-client';
import { Value } from 'typebox/value';
import { onTestFinished } from 'vitest';
import { OpcUaDevice, type OpcUaTag } from '../../../../gateway/drivers/opcua/config.ts';
import { OpcUaTestServer, TEST_NAMESPACE, type TestServerOptions } from '../../../services/opcua-test-server.ts';

export const wait = { timeout: 12_000, interval: 10 };

const QUICK = { publishingMs: 50, samplingMs: 0, retryMinMs: 100, retryMaxMs: 300, timeoutMs: 3000, pollMs: 50 };

export function device(settings: Partial<OpcUaDevice>): OpcUaDevice & { id: string } {
  return { id: 'packer', ...Value.Parse(OpcUaDevice, Value.Default(OpcUaDevice, { ...QUICK, ...settings })) };
}

export function tag(name: string, type: OpcUaTag['type'] = 'float64', settings: Partial<OpcUaTag> = {}): OpcUaTag {
  return { nodeId: `nsu=${TEST_NAMESPACE};s=${name}`, type, ...settings };
}

/** A server that stops when the test ends. */
export async function serve(
  variables: Record<string, [DataType, unknown]>,
  options: TestServerOptions = {},
): Promise<OpcUaTestServer> {
  const server = new OpcUaTestServer(options);
  onTestFinished(() => server.stop());
  return server.start(variables);
}

/** The server reports a change in a later turn; of two changes in one turn it reports the last. */
export function serverTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}

/** Makes the server answer a service, such as `Read`, as `answer` says, or as it does by itself when that gives nothing. */
export function intercept<Request>(
  server: OpcUaTestServer,
  service: string,
  answer: (request: Request) => StatusCode | undefined,
): void {
  type Handler = (message: { request: Request }, channel: unknown) => void;
  const handlers = server.raw as unknown as Record<string, Handler>;
  const name = `_on_${service}Request`;
  const own = handlers[name]!;
  handlers[name] = function (this: unknown, message, channel) {
    const status = answer(message.request);
    if (status === undefined) own.call(this, message, channel);
    else refuse(message, channel, status);
  };
}

function refuse(message: unknown, channel: unknown, status: StatusCode): void {
  const sender = channel as { send_response(type: string, response: unknown, message: unknown): void };
  sender.send_response('MSG', new ServiceFault({ responseHeader: { serviceResult: status } }), message);
}

/** The server no longer knows its sessions, as after their time has run out. */
export function forgetSessions(server: OpcUaTestServer, subscriptionsToo: boolean): void {
  const engine = server.raw.engine as unknown as {
    _sessions: Record<string, { authenticationToken: unknown }>;
    closeSession(token: unknown, deleteSubscriptions: boolean, reason: string): void;
  };
  for (const session of Object.values(engine._sessions)) {
    engine.closeSession(session.authenticationToken, subscriptionsToo, 'Timeout');
  }
}
