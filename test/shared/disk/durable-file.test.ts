import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { writeDurably } from '../../../shared/disk/durable-file.ts';
import { tempDir } from '../../services/temp-dir.ts';

describe('a small file', () => {
  test('has the rights that it is to have, whatever an earlier try has left', async () => {
    const dir = await tempDir();
    const file = join(dir, 'key.pem');
    await writeFile(`${file}.new`, 'half of an older one', { mode: 0o666 });
    await writeDurably(file, 'secret', { mode: 0o600 });
    expect(await readFile(file, 'utf8')).toBe('secret');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await writeDurably(file, 'open to all', { mode: 0o644 });
    expect((await stat(file)).mode & 0o777).toBe(0o644);
    expect(await readdir(dir)).toEqual(['key.pem']);
  });
});
