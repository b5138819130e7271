/** Where tests keep what is dear to make and the same in every run: beside the installed packages, gone with them. */
import { fileURLToPath } from 'node:url';

export const TEST_CACHE = fileURLToPath(new URL('../../node_modules/.cache/lineside-test', import.meta.url));
