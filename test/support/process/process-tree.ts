/** Processes that a process has started, and those that they have started. */
import { spawnSync } from "node:child_process";

/** Empty where the system has no `ps`. */
export function descendantsOf(pid: number): number[] {
  const { stdout } = spawnSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" });
  const rows = (stdout ?? "").split("\n").map((line) => line.trim().split(/\s+/).map(Number));
  const found = [pid];
  for (const parent of found) found.push(...rows.flatMap(([child = 0, of]) => (of === parent ? [child] : [])));
  return found.slice(1);
}

/** Signals these processes; those that have ended are passed over. */
export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // It has ended.
    }
  }
}
