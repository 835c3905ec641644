/** Times for people: local time, with the zone named once per page. */

export const ZONE: string = Intl.DateTimeFormat().resolvedOptions().timeZone;

const DAY_AND_TIME = new Intl.DateTimeFormat(undefined, {
  year: "numeric",
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});

/** NaN for what is no ISO 8601 time with a zone: `Date` reads a time into many other texts. */
export function msOf(iso: string | null): number {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)$/.test(iso ?? "")
    ? new Date(iso ?? "").getTime()
    : Number.NaN;
}

/** `iso`: ISO 8601, also with six fractional digits. Other texts come back as they are. */
export function localTime(iso: string): string {
  const ms = msOf(iso);
  return Number.isNaN(ms) ? iso : DAY_AND_TIME.format(ms);
}

const UNITS = [
  [86_400, "d"],
  [3600, "h"],
  [60, "min"],
] as const;

/** Two units at most: "1 h 30 min". */
export function durationWords(seconds: number): string {
  if (seconds < 0) return `-${durationWords(-seconds)}`;
  if (seconds < 60) return `${seconds < 10 ? Math.round(seconds * 10) / 10 : Math.round(seconds)} s`;
  for (const [index, [size, unit]] of UNITS.entries()) {
    if (seconds < size) continue;
    const whole = Math.floor(seconds / size);
    const [nextSize, nextUnit] = UNITS[index + 1] ?? [1, "s"];
    const rest = Math.floor((seconds - whole * size) / nextSize);
    return rest === 0 ? `${whole} ${unit}` : `${whole} ${unit} ${rest} ${nextUnit}`;
  }
  return `${Math.round(seconds)} s`;
}

export function ageWords(iso: string, nowMs: number): string {
  const ms = msOf(iso);
  return Number.isNaN(ms) ? "age not known" : `${durationWords((nowMs - ms) / 1000)} ago`;
}
