/** Times for people: local time, with the zone named once per page. */

export const ZONE: string = Intl.DateTimeFormat().resolvedOptions().timeZone;

const MINUTES = { hour: "2-digit", minute: "2-digit" } as const;
const TIMES = {
  minutes: MINUTES,
  seconds: { ...MINUTES, second: "2-digit" },
  millis: { ...MINUTES, second: "2-digit", fractionalSecondDigits: 3 },
} as const;
export type TimeForm = keyof typeof TIMES;

const DAY = { month: "short", day: "numeric" } as const;
const WHOLE_DAY = { ...DAY, year: "numeric" } as const;

/** Making a format takes longer than using it. */
const formats = new Map<string, Intl.DateTimeFormat>();

function formatted(ms: number, options: Intl.DateTimeFormatOptions): string {
  const key = JSON.stringify(options);
  const format = formats.get(key) ?? new Intl.DateTimeFormat(undefined, options);
  formats.set(key, format);
  return format.format(ms);
}

/** NaN for what is no ISO 8601 time with a zone: `Date` reads a time into many other texts. */
export function msOf(iso: string | null): number {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)$/.test(iso ?? "")
    ? new Date(iso ?? "").getTime()
    : Number.NaN;
}

const yearOf = (ms: number) => new Date(ms).getFullYear();

/** `iso`: ISO 8601, also with six fractional digits. Other texts come back as they are. The year where it is not the present one. */
export function localTime(iso: string, form: TimeForm = "seconds"): string {
  const ms = msOf(iso);
  if (Number.isNaN(ms)) return iso;
  return formatted(ms, { ...(yearOf(ms) === yearOf(Date.now()) ? DAY : WHOLE_DAY), ...TIMES[form] });
}

/** Without the day, where a time of the same day is beside it. */
export function timeBeside(iso: string, beside: string, form: TimeForm = "seconds"): string {
  const [ms, besideMs] = [msOf(iso), msOf(beside)];
  if (Number.isNaN(ms) || Number.isNaN(besideMs)) return iso;
  return formatted(ms, WHOLE_DAY) === formatted(besideMs, WHOLE_DAY)
    ? formatted(ms, TIMES[form])
    : localTime(iso, form);
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** The text at a tick of an axis: the day below the first time of each day. `previousMs`: the tick before it. */
export function tickText(ms: number, stepMs: number, previousMs: number | null): string {
  const day = formatted(ms, DAY);
  if (stepMs >= DAY_MS) return day;
  const time = formatted(ms, TIMES[stepMs < 1000 ? "millis" : stepMs < MINUTE_MS ? "seconds" : "minutes"]);
  return previousMs !== null && formatted(previousMs, DAY) === day ? time : `${time}\n${day}`;
}

const STEPS_MS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800].map((seconds) => seconds * 1000);
const HOURS_MS = [1, 2, 3, 6, 12, 24, 48, 96, 168, 336, 720, 2160].map((hours) => hours * 3_600_000);
/** Below a second. */
const PARTS_MS = [1, 10, 100];

/** Round local times between two times, at most `most` of them. */
export function ticksBetween(fromMs: number, toMs: number, most: number): { stepMs: number; ticks: number[] } {
  const spanMs = toMs - fromMs;
  const stepMs = [...PARTS_MS, ...STEPS_MS, ...HOURS_MS].find((step) => spanMs / step <= most) ?? spanMs;
  const ticks: number[] = [];
  if (!(spanMs > 0) || most < 1) return { stepMs, ticks };
  // Offsets of zones are not whole days, and change with summer time: steps are counted from the midnight before.
  const midnight = new Date(fromMs).setHours(0, 0, 0, 0);
  for (let ms = midnight + Math.ceil((fromMs - midnight) / stepMs) * stepMs; ms <= toMs; ms += stepMs) ticks.push(ms);
  return { stepMs, ticks };
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
