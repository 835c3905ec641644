/**
 * Schedules in words. A schedule is told apart by its key: `cron`, `interval` (seconds) or `rrule`.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/schemas/schedules.py
 */
import type { DeploymentSchedule } from "../objects.ts";

type Described = Pick<DeploymentSchedule, "schedule" | "active" | "parameters">;

/**
 * `cron 0 6 * * 1-5 Europe/Berlin`, `every 30m`, `rrule FREQ=DAILY;BYHOUR=6 UTC`, with the parameters that it gives its runs, and
 * `(off)` when it is not active.
 */
export function describeSchedule({ schedule, active, parameters }: Described): string {
  const { cron, interval, rrule, timezone } = schedule;
  const zone = typeof timezone === "string" && timezone !== "" ? timezone : "UTC";
  const rest = `${parametersText(parameters)}${active ? "" : " (off)"}`;
  if (typeof cron === "string") return `cron ${cron} ${zone}${rest}`;
  if (typeof interval === "number") return `every ${duration(interval)}${zone === "UTC" ? "" : ` ${zone}`}${rest}`;
  if (typeof rrule === "string") return `rrule ${rrule.replace(/\s+/g, " ")} ${zone}${rest}`;
  return `${JSON.stringify(schedule)}${rest}`;
}

const PARAMETERS_CHARS = 80;

/** ` with {"day":3}`, cut where it is long. */
function parametersText(parameters: Described["parameters"]): string {
  if (!parameters || Object.keys(parameters).length === 0) return "";
  const text = JSON.stringify(parameters);
  return ` with ${text.length <= PARAMETERS_CHARS ? text : `${text.slice(0, PARAMETERS_CHARS - 1)}…`}`;
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
