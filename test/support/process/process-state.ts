import { readFileSync } from "node:fs";

/** What the kernel says about a process, for errors: whether it runs or waits, and how much processor time it took. */
export function processState(pid: number): string {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const field = (name: string) => new RegExp(`^${name}:\\s*(.+)$`, "m").exec(status)?.[1] ?? "unknown";
    // Fields 14 and 15 of proc_pid_stat(5), in ticks of 10 ms; the name in parentheses before them may hold spaces.
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    const seconds = (Number(fields[11]) + Number(fields[12])) / 100;
    return `process ${pid}: ${field("State")}, ${field("Threads")} threads, ${field("VmRSS")}, ${seconds} s of processor time`;
  } catch {
    return `process ${pid}: it has ended, or this system has no /proc`;
  }
}

/** The last lines of a text. */
export function lastLines(text: string, count: number): string {
  return text.trimEnd().split("\n").slice(-count).join("\n");
}
