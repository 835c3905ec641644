/** How busy the machine is during a run of the tests, and what the processes of a group are doing. */
import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";

const SAMPLE_MS = 5_000;

export interface LoadMeter extends Disposable {
  /** One line. */
  summary(): string;
}

export function startLoadMeter(): LoadMeter {
  const samples = [loadavg()[0] ?? 0];
  const timer = setInterval(() => samples.push(loadavg()[0] ?? 0), SAMPLE_MS);
  timer.unref();
  return {
    summary() {
      const mean = samples.reduce((sum, one) => sum + one) / samples.length;
      const figures = [`${mean.toFixed(1)} on average`, `${Math.max(...samples).toFixed(1)} at most`];
      return `load average: ${figures.join(", ")}, on ${availableParallelism()} cores`;
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

export function loadNow(): string {
  return loadavg()
    .map((one) => one.toFixed(1))
    .join(" ");
}

/** Processes that do nothing but take processor time, until they are disposed of. They end with this process. */
export function startBusyLoops(count: number): Disposable {
  const code =
    "const parent = process.ppid; for (;;) { for (let n = 0; n < 1e8; n += 1); if (process.ppid !== parent) process.exit(); }";
  const loops = Array.from({ length: count }, () =>
    Bun.spawn([process.execPath, "-e", code], { stdio: ["ignore", "ignore", "inherit"] }),
  );
  return {
    [Symbol.dispose]() {
      for (const loop of loops) loop.kill("SIGKILL");
    },
  };
}

/** The processes of a process group, with what the kernel says about each: whether it runs or waits, for what, its processor time. */
export function describeGroup(groupId: number): string {
  const lines: string[] = [];
  for (const pid of readNames("/proc").filter((name) => /^\d+$/.test(name))) {
    const text = readOr(`/proc/${pid}/stat`);
    // proc_pid_stat(5): after the name in parentheses come state, parent and group; fields 14 and 15 are ticks of 10 ms.
    const fields = text.replace(/^.*\) /s, "").split(" ");
    if (Number(fields[2]) !== groupId) continue;
    const seconds = (Number(fields[11]) + Number(fields[12])) / 100;
    const command = readOr(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim();
    lines.push(`  ${pid} ${fields[0]} in ${readOr(`/proc/${pid}/wchan`)}, ${seconds} s: ${command.slice(0, 200)}`);
  }
  return lines.length === 0 ? "  (no process is left, or this system has no /proc)" : lines.join("\n");
}

function readNames(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function readOr(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
