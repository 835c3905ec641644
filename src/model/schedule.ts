/**
 * Schedules in words. A schedule is told apart by its key: `cron`, `interval` (seconds) or `rrule`.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/schemas/schedules.py
 */
import type { DeploymentSchedule } from "./objects.ts";

/** `cron 0 6 * * 1-5 Europe/Berlin`, `every 30m`, `rrule FREQ=DAILY;BYHOUR=6 UTC`, with `(off)` when it is not active. */
export function describeSchedule({ schedule, active }: Pick<DeploymentSchedule, "schedule" | "active">): string {
  const { cron, interval, rrule, timezone } = schedule;
  const zone = typeof timezone === "string" && timezone !== "" ? timezone : "UTC";
  const off = active ? "" : " (off)";
  if (typeof cron === "string") return `cron ${cron} ${zone}${off}`;
  if (typeof interval === "number") return `every ${duration(interval)}${zone === "UTC" ? "" : ` ${zone}`}${off}`;
  if (typeof rrule === "string") return `rrule ${rrule.replace(/\s+/g, " ")} ${zone}${off}`;
  return `${JSON.stringify(schedule)}${off}`;
}

const UNITS = [
  [86_400, "d"],
  [3_600, "h"],
  [60, "m"],
] as const;

/** `45s`, `30m`, `1h30m`, `2d`. */
export function duration(seconds: number): string {
  let left = seconds;
  let text = "";
  for (const [size, unit] of UNITS) {
    const count = Math.floor(left / size);
    if (count > 0) text += `${count}${unit}`;
    left -= count * size;
  }
  return left > 0 || text === "" ? `${text}${Number(left.toFixed(3))}s` : text;
}
