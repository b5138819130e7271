import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { createDriver } from '../../gateway/drivers/create-driver.ts';
import { device, tag } from '../gateway/drivers/modbus/settings.ts';
const port = Number(process.argv[2]); const units = Number(process.argv[3]); const pollMs = Number(process.argv[4]); const secs=Number(process.argv[5] ?? 3);
let frames = 0, bad = 0;
const log = pino({ level: 'warn' });
const drivers = [];
for (let c = 0; c < 16; c++) for (let u = 1; u <= units; u++) {
  const settings = { ...device({ port, unitId: u, id: `c${c}-${u}` }), pollMs };
  const tags = Array.from({ length: 125 }, (_, i) => ({ id: i + 1, name: `t${i}`, settings: tag(`holding:${i}`, 'uint16') }));
  drivers.push(createDriver('modbus', settings, tags as never, { onFrame: (f) => { frames++; if (f.tags.length !== 125 || f.quality[0] !== 0) bad++; }, onStatus() {}, log: pino({level:'silent'}), now: Date.now, dataDir: `/tmp/none-${c}`, resolvePath: (p) => p }));
}
for (const d of drivers) d.start();
await sleep(1000);
frames = 0; const c0 = process.cpuUsage(); const t0 = performance.now();
await sleep(secs*1000);
const s = (performance.now() - t0) / 1000; const c = process.cpuUsage(c0);
console.error('driver', units, pollMs, { rps: Math.round(frames / s), bad, cpuPerM: +((c.user + c.system) / frames).toFixed(1), cpuShare: +((c.user + c.system) / 1e6 / s).toFixed(2), rss: Math.round(process.memoryUsage.rss()/1048576) });
await Promise.all(drivers.map((d) => d.stop()));
