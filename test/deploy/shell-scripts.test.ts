import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filesIn, hasTool, ROOT, runTool } from './tools.ts';

const SCRIPTS = [...filesIn('systemd', '.sh'), ...filesIn('docker', '.sh')];

describe('shell scripts', () => {
  it.each(SCRIPTS)('%s parses as POSIX sh', (script) => {
    expect(runTool('sh', ['-n', join(ROOT, script)])).toEqual({ status: 0, output: '' });
  });

  describe.skipIf(!hasTool('shellcheck'))('shellcheck', () => {
    it.each(SCRIPTS)('finds nothing in %s', (script) => {
      expect(runTool('shellcheck', ['--shell=sh', join(ROOT, script)])).toEqual({ status: 0, output: '' });
    });
  });
});
