import { setTimeout as sleep } from 'node:timers/promises';
import modbusSerial from 'modbus-serial';
const ModbusRTU = (modbusSerial as any).default ?? modbusSerial;
const port = Number(process.argv[2]); const timeout = Number(process.argv[3]); const secs=Number(process.argv[4] ?? 3);
let n = 0, run = true; const clients: any[] = [];
for (let c = 0; c < 16; c++) { const k = new ModbusRTU(); await k.connectTCP('127.0.0.1', { port }); k.setID(1); if (timeout) k.setTimeout(timeout); clients.push(k); }
const loops = clients.map(async (k) => { while (run) { const { data } = await k.readHoldingRegisters(0, 125); if (data.length === 125) n++; } });
await sleep(1000);
n = 0; const c0 = process.cpuUsage(); const t0 = performance.now();
await sleep(secs*1000);
const s = (performance.now() - t0) / 1000; const c = process.cpuUsage(c0);
console.error('bare', timeout, { rps: Math.round(n / s), cpuPerM: +((c.user + c.system) / n).toFixed(1), cpuShare: +((c.user + c.system) / 1e6 / s).toFixed(2), rss: Math.round(process.memoryUsage.rss()/1048576) });
run = false; await Promise.all(loops); for (const k of clients) k.close(() => {});
setTimeout(() => process.exit(0), 200);
