import { isJsonNumber } from "../../lib/exact-json.ts";

/** Parts of an ISO 8601 duration in seconds: `PT1M30.5S`, `P1DT2H`. */
const DURATION = /^(-?)P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/;
const UNIT_SECONDS = [7 * 86_400, 86_400, 3_600, 60, 1] as const;

/** A number of seconds, or from Prefect 3.9.1 on an ISO 8601 duration; null for anything else. */
export function durationSeconds(value: unknown): number | null {
  if (isJsonNumber(value)) return Number(value);
  const match = typeof value === "string" ? DURATION.exec(value) : null;
  if (match === null || match.slice(2).every((part) => part === undefined)) return null;
  const seconds = UNIT_SECONDS.reduce((sum, unit, index) => sum + unit * Number(match[index + 2] ?? 0), 0);
  return match[1] === "-" ? -seconds : seconds;
}
