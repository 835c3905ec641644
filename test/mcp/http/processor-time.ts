/** Time of the processor that a process has used, all threads together, milliseconds: what it has worked, not how long that took. */
import { existsSync, readFileSync } from "node:fs";

/** `USER_HZ`, which Linux fixes for programs: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
const TICKS_PER_SECOND = 100;

export function processorMs(pid: number): number {
  const file = `/proc/${pid}/stat`;
  if (existsSync(file)) {
    // The name of the program is in parentheses and may hold blanks. `utime` and `stime` are fields 14 and 15.
    const fields = readFileSync(file, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
  }
  const shown = Bun.spawnSync(["ps", "-o", "time=", "-p", String(pid)])
    .stdout.toString()
    .trim();
  return shown.split(/[:-]/).reduce((sum, part) => sum * 60 + Number(part), 0) * 1000;
}
