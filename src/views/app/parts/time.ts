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

/** `iso`: ISO 8601, also with six fractional digits. Other texts come back as they are. */
export function localTime(iso: string): string {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? iso : DAY_AND_TIME.format(date);
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
  return `${durationWords((nowMs - new Date(iso).getTime()) / 1000)} ago`;
}
