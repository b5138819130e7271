/** What a process has used so far, as Linux counts it. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const TICKS_A_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

export interface ProcessUsage {
  /** User and system time of all its threads since it began, seconds; in steps of 10 ms. */
  cpuSeconds: number;
  /** Resident memory now, MiB. */
  rssMb: number;
}

/** @param pid of a process that is still there (proc_pid_stat(5), proc_pid_status(5)) */
export function usageOf(pid: number): ProcessUsage {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is the name in parentheses and may hold spaces; utime and stime are the 14th and 15th.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kib = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]);
  return { cpuSeconds: ticks / TICKS_A_SECOND, rssMb: kib / 1024 };
}
