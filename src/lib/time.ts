/**
 * Times are integers: microseconds since 1970 (`…Us`), because Prefect's times have six fractional digits and `Date` keeps three.
 * They become text only in answers and requests.
 */
declare const clockOf: unique symbol;

/** A moment of the local clock, which is this machine's wall clock: microseconds since 1970. `Clock.nowUs` makes one. */
export type LocalUs = number & { readonly [clockOf]?: "local" };

/**
 * A moment of the server clock, microseconds since 1970: every time in an answer of Prefect, and every bound of a question to it.
 *
 * The clocks differ by the skew. The compiler refuses a moment of one clock where one of the other is expected; only
 * `onServerClock` and `onLocalClock` translate. It accepts a plain number for both, so results of arithmetic have to keep their
 * clock: `addUs`, `latestUs` and the others below do.
 */
export type ServerUs = number & { readonly [clockOf]?: "server" };

/**
 * A moment of the steady clock of this thread, milliseconds since an arbitrary moment. `Clock.steadyMs` makes one. Durations and ages
 * are differences of two of them. It means nothing to another thread or process, so it is never stored or sent.
 */
export type SteadyMs = number & { readonly [clockOf]?: "steady" };

/** Before every moment of the steady clock: for what has not happened yet. */
export const NEVER_MS: SteadyMs = Number.NEGATIVE_INFINITY;

/** A moment that lies `ms` milliseconds after `moment` (before, when negative). */
export function addMs(moment: SteadyMs, ms: number): SteadyMs {
  return (moment + ms) as SteadyMs;
}

/** From the local clock to the server clock. `skewUs`: server clock minus local clock; 0 where it is unknown. */
export function onServerClock(localUs: LocalUs, skewUs: number): ServerUs {
  return (localUs + skewUs) as number as ServerUs;
}

/** From the server clock to the local clock. */
export function onLocalClock(serverUs: ServerUs, skewUs: number): LocalUs {
  return (serverUs - skewUs) as number as LocalUs;
}

/** A moment of either clock that lies `us` microseconds after `moment` (before, when negative). */
export function addUs<T extends LocalUs | ServerUs>(moment: T, us: number): T {
  return (moment + us) as T;
}

/** The latest of moments of one clock. */
export function latestUs<T extends LocalUs | ServerUs>(...moments: readonly T[]): T {
  return Math.max(...moments) as T;
}

/** The moment cut down to a whole microsecond, for storing. */
export function floorUs<T extends LocalUs | ServerUs>(moment: T): T {
  return Math.floor(moment) as T;
}

/** The moment rounded up to a whole microsecond, for storing. */
export function ceilUs<T extends LocalUs | ServerUs>(moment: T): T {
  return Math.ceil(moment) as T;
}

/** The earliest of moments of one clock. */
export function earliestUs<T extends LocalUs | ServerUs>(...moments: readonly T[]): T {
  return Math.min(...moments) as T;
}

const FULL = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?\s*(Z|z|[+-]\d\d(?::?\d\d)?)?$/;

/** Microseconds of an ISO 8601 text (without zone: UTC; a date alone: its midnight), or undefined when it is not one. */
export function parseIsoUs(text: string): ServerUs | undefined {
  const match = FULL.exec(text.trim());
  if (!match) return undefined;
  const [, yearText, monthText, dayText, hour = "0", minute = "0", second = "0", fraction = "", zone] = match;
  const [year, month, day] = [Number(yearText), Number(monthText), Number(dayText)];
  const seconds = secondsOfDay(Number(hour), Number(minute), Number(second));
  const offset = zoneSeconds(zone);
  if (seconds === undefined || offset === undefined || !isDate(year, month, day)) return undefined;
  const us = (daysSince1970(year, month, day) * 86_400 + seconds - offset) * SECOND_US;
  return withinYears(us + Number(fraction.padEnd(6, "0").slice(0, 6)));
}

function secondsOfDay(hour: number, minute: number, second: number): number | undefined {
  return hour > 23 || minute > 59 || second > 59 ? undefined : (hour * 60 + minute) * 60 + second;
}

function zoneSeconds(zone: string | undefined): number | undefined {
  if (!zone || zone === "Z" || zone === "z") return 0;
  const digits = zone.slice(1).replace(":", "").padEnd(4, "0");
  const seconds = secondsOfDay(Number(digits.slice(0, 2)), Number(digits.slice(2, 4)), 0);
  return seconds !== undefined && zone.startsWith("-") ? -seconds : seconds;
}

const MONTH_DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function isDate(year: number, month: number, day: number): boolean {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return year > 0 && day > 0 && day <= (MONTH_DAYS[month - 1] ?? 0) && (month !== 2 || day < 29 || isLeap);
}

/** In the Gregorian calendar. `Date.UTC` cannot be used: it reads the years 0 to 99 as 1900 to 1999. */
function daysSince1970(year: number, month: number, day: number): number {
  // Years are counted from March, so that the leap day is their last day.
  const years = month > 2 ? year : year - 1;
  const leaps = Math.floor(years / 4) - Math.floor(years / 100) + Math.floor(years / 400);
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  return years * 365 + leaps + dayOfYear - 719_468;
}

/** As Prefect writes times: UTC with `Z`; six fractional digits, or none when they are zero. */
export function formatIsoUs(us: number): string {
  const ms = Math.floor(us / 1000);
  const micros = us - Math.floor(us / 1_000_000) * 1_000_000;
  const head = new Date(ms).toISOString().slice(0, 19);
  return micros === 0 ? `${head}Z` : `${head}.${String(micros).padStart(6, "0")}Z`;
}

/** Cut to whole seconds: `2026-01-31T09:00:00Z`. */
export function formatIsoSeconds(us: number): string {
  return formatIsoUs(Math.floor(us / SECOND_US) * SECOND_US);
}

export const SECOND_US = 1_000_000;
export const MINUTE_US = 60 * SECOND_US;
export const HOUR_US = 60 * MINUTE_US;
export const DAY_US = 24 * HOUR_US;

/** The years 1 to 9999, which Python's datetime supports. Numbers near the end have a precision of 32 microseconds. */
const FIRST_US = -62_135_596_800 * SECOND_US;
const END_US = 253_402_300_800 * SECOND_US;
const LAST_US = END_US - 32;

function withinYears(us: number): ServerUs | undefined {
  return us < FIRST_US || us > END_US ? undefined : (Math.min(us, LAST_US) as ServerUs);
}

const DURATION = /^(\d+(?:\.\d+)?)\s*(s|m|h|d|w)$/i;
const UNIT_US: Record<string, number> = { s: SECOND_US, m: MINUTE_US, h: HOUR_US, d: DAY_US, w: 7 * DAY_US };
const ISO_DURATION = /^P(?:(\d+(?:\.\d+)?)D)?(?:T(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?$/i;

/** Microseconds of `7d`, `90m`, `1.5h`, `PT15M`, `P7D`; undefined for other texts. */
export function parseDurationUs(text: string): number | undefined {
  const short = DURATION.exec(text.trim());
  if (short?.[1] && short[2]) return Math.round(Number(short[1]) * (UNIT_US[short[2].toLowerCase()] ?? 0));
  const iso = ISO_DURATION.exec(text.trim());
  if (!iso || text.trim().length < 3) return undefined;
  const [, days = "0", hours = "0", minutes = "0", seconds = "0"] = iso;
  return Math.round(
    Number(days) * DAY_US + Number(hours) * HOUR_US + Number(minutes) * MINUTE_US + Number(seconds) * SECOND_US,
  );
}

/** A moment as ISO text, as a duration before now (`2h`, `7d`), or `now`. */
export function parseMomentUs(text: string, nowUs: ServerUs): ServerUs | undefined {
  if (text.trim().toLowerCase() === "now") return nowUs;
  const ago = parseDurationUs(
    text
      .trim()
      .replace(/(?<!\s)\s*ago$/i, "")
      .replace(/^-/, ""),
  );
  return ago === undefined ? parseIsoUs(text) : withinYears(nowUs - ago);
}
