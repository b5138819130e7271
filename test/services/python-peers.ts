/** Programs of others in Python, each in a virtual environment outside of the repository. */
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const REQUIREMENTS = readFileSync(new URL('python-peers.txt', import.meta.url), 'utf8').split('\n');

/** The interpreter that install-python-peers.sh has made for it; null where that has not run. */
export function pythonOf(name: 'asyncua' | 'pysparkplug'): string | null {
  const requirement = REQUIREMENTS.find((line) => line.startsWith(`${name}==`))!;
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const python = join(cache, 'lineside-test', requirement.replace('==', '-'), 'bin', 'python');
  return existsSync(python) ? python : null;
}
