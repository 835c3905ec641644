/**
 * Schedules of deployments as text. The kind of a schedule follows from its key: `cron`, `interval` (seconds) or `rrule`.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/schemas/schedules.py
 */
import { isJsonNumber } from "../../lib/exact-json.ts";
import { truncate } from "../../lib/truncate.ts";
import type { DeploymentSchedule } from "../objects.ts";

type Described = Pick<DeploymentSchedule, "schedule" | "active" | "parameters">;

/**
 * `at 06:00, Monday through Friday (cron 0 6 * * 1-5, Europe/Berlin)`, `every 30m`, `every day at 06:00 (rrule FREQ=DAILY;BYHOUR=6, UTC)`, then the
 * parameters that the schedule passes to its runs, and `(off)` when it is not active.
 */
export async function describeSchedule({ schedule, active, parameters }: Described): Promise<string> {
  const { cron, interval, rrule, timezone, day_or } = schedule;
  const zone = typeof timezone === "string" && timezone !== "" ? timezone : "UTC";
  const rest = `${parametersText(parameters)}${active ? "" : " (off)"}`;
  if (typeof cron === "string") return `${await cronText(cron, zone, day_or !== false)}${rest}`;
  if (isJsonNumber(interval))
    return `every ${compactDuration(Number(interval))}${zone === "UTC" ? "" : ` ${zone}`}${rest}`;
  if (typeof rrule === "string") return `${await rruleText(rrule, zone)}${rest}`;
  return `${JSON.stringify(schedule)}${rest}`;
}

/**
 * An expression without words is shown alone. `isDayOr`: a run is due when the day of the month or the weekday matches, cron's
 * own rule; else when both match. croniter, which Prefect uses, reads a sixth field as seconds after the weekday, cronstrue as
 * seconds before the minutes: only five fields are put in words. https://github.com/pallets-eco/croniter
 */
async function cronText(cron: string, zone: string, isDayOr: boolean): Promise<string> {
  const expression = `cron ${truncate(cron, MAX_RULE_CHARS)}`;
  if (cron.length > MAX_RULE_CHARS) return `${expression} ${zone}`;
  if (!cron.startsWith("@") && cron.trim().split(/\s+/).length !== 5) return `${expression} ${zone}`;
  // Loaded at first use: most processes never show a schedule.
  const { toString: inWords } = await import("cronstrue");
  try {
    const words = inWords(cron, { use24HourTimeFormat: true, logicalAndDayFields: !isDayOr });
    return `${words.charAt(0).toLowerCase()}${words.slice(1)} (${expression}, ${zone})`;
  } catch {
    return `${expression} ${zone}`;
  }
}

/** A longer expression or rule is cut and not put in words, for which a list of thousands of times takes long. */
const MAX_RULE_CHARS = 1_000;

/** A rule without words is shown alone. */
async function rruleText(rrule: string, zone: string): Promise<string> {
  const rule = `rrule ${truncate(rrule, MAX_RULE_CHARS).replace(/\s+/g, " ")}`;
  if (rrule.length > MAX_RULE_CHARS) return `${rule} ${zone}`;
  const { rruleWords } = await import("./rrule-words.ts");
  const words = rruleWords(rrule, zone);
  return words === null ? `${rule} ${zone}` : `${words} (${rule}, ${zone})`;
}

const MAX_PARAMETERS_CHARS = 80;

/** ` with {"day":3}`, at most `MAX_PARAMETERS_CHARS` of JSON. */
function parametersText(parameters: Described["parameters"]): string {
  if (!parameters || Object.keys(parameters).length === 0) return "";
  const text = JSON.stringify(parameters);
  return ` with ${truncate(text, MAX_PARAMETERS_CHARS)}`;
}

const UNITS = [
  [86_400, "d"],
  [3_600, "h"],
  [60, "m"],
] as const;

/** `45s`, `30m`, `1h30m`, `2d`. */
export function compactDuration(seconds: number): string {
  let left = seconds;
  let text = "";
  for (const [size, unit] of UNITS) {
    const count = Math.floor(left / size);
    if (count > 0) text += `${count}${unit}`;
    left -= count * size;
  }
  return left > 0 || text === "" ? `${text}${Number(left.toFixed(3))}s` : text;
}
