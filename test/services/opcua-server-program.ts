/** An OPC UA server in a process of its own, which a test can freeze. Tells `{ "endpoint": … }`. */
import { DataType } from 'node-opcua-client';
import { OpcUaTestServer } from './opcua-test-server.ts';

const server = await new OpcUaTestServer().start({ Counter: [DataType.Double, 0] });
let count = 0;
const timer = setInterval(() => server.set('Counter', DataType.Double, ++count), 50);
process.once('SIGTERM', async () => {
  clearInterval(timer);
  await server.stop();
  process.exit();
});
process.stdout.write(`${JSON.stringify({ endpoint: server.endpoint })}\n`);
