/** libmodbus' own test servers, built from its source once for this working copy. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HOME = fileURLToPath(new URL('../../../node_modules/.cache/libmodbus-servers', import.meta.url));
const BUILD = fileURLToPath(new URL('build.sh', import.meta.url));

/** The folder of `unit-test-server` and `bandwidth-server`; null where they cannot be built (see build.sh). */
export function libmodbusServers(): string | null {
  if (existsSync(HOME)) return HOME;
  if (spawnSync('pkg-config', ['--exists', 'libmodbus']).status !== 0) return null;
  mkdirSync(dirname(HOME), { recursive: true });
  const folder = mkdtempSync(join(dirname(HOME), 'building-'));
  const built = spawnSync('sh', [BUILD, folder], { stdio: 'ignore', timeout: 60_000 });
  try {
    // Another test may have been quicker.
    if (built.status === 0 && !existsSync(HOME)) renameSync(folder, HOME);
  } catch {
    // It was, just now.
  }
  rmSync(folder, { recursive: true, force: true });
  return existsSync(HOME) ? HOME : null;
}
