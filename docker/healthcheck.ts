/** Exit code 0 when the address of the first argument answers 2xx within four seconds, else 1 and the reason. */
const address = process.argv[2] ?? '';
try {
  const response = await fetch(address, { signal: AbortSignal.timeout(4_000) });
  if (!response.ok) throw new Error(`HTTP ${response.status}: ${(await response.text()).slice(0, 200)}`);
} catch (error) {
  console.error(`${address}: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
