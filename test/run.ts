/**
 * `npm test`: runs Vitest and then says by name which suites were skipped for want of a server, a browser or a
 * tool. With LINESIDE_NO_SKIP=1, as in CI, a skipped suite is a failure. What passed only at a second try is named.
 */
import { startVitest } from 'vitest/node';

const filters = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
const vitest = await startVitest('test', filters, { run: true, watch: false });
const modules = vitest.state.getTestModules();
const skipped: string[] = [];
const retried: string[] = [];
let failed = vitest.state.getUnhandledErrors().length;
let passed = 0;
for (const module of modules) {
  if (module.state() === 'failed' && module.children.size === 0) failed++;
  for (const test of module.children.allTests()) {
    const { state } = test.result();
    if (state === 'failed') failed++;
    else if (state === 'passed') {
      passed++;
      if (test.diagnostic()?.flaky) retried.push(`${module.relativeModuleId}: ${test.fullName}`);
    } else if (state === 'skipped') skipped.push(`${module.relativeModuleId}: ${test.fullName}`);
  }
}
await vitest.close();
if (retried.length > 0) {
  process.stdout.write('\nPassed only when tried again, so something in them depends on time:\n');
  for (const name of retried) process.stdout.write(`  ${name}\n`);
}
if (skipped.length > 0) {
  process.stdout.write('\nSkipped, because something that they need is not on this machine (.ci/run installs it):\n');
  for (const name of skipped) process.stdout.write(`  ${name}\n`);
}
const forbidden = process.env.LINESIDE_NO_SKIP === '1' && skipped.length > 0;
if (forbidden) process.stdout.write('\nSkipping is forbidden here (LINESIDE_NO_SKIP=1).\n');
if (modules.length === 0) process.stdout.write('\nNo test matches.\n');
process.stdout.write(`\n${passed} passed, ${failed} failed, ${skipped.length} skipped\n`);
process.exit(failed > 0 || forbidden || modules.length === 0 ? 1 : 0);
