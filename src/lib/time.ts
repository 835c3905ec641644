import { largest, smallest } from "./lists.ts";
import type { Sentence } from "./shown-text.ts";

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

/** From the local clock to the server clock, whole microseconds. `skewUs`: server clock minus local clock; 0 where it is unknown. */
export function onServerClock(localUs: LocalUs, skewUs: number): ServerUs {
  return Math.round(localUs + skewUs) as ServerUs;
}

/** From the server clock to the local clock, whole microseconds. */
export function onLocalClock(serverUs: ServerUs, skewUs: number): LocalUs {
  return Math.round(serverUs - skewUs) as LocalUs;
}

/** A moment of either clock that lies `us` microseconds after `moment` (before, when negative). */
export function addUs<T extends LocalUs | ServerUs>(moment: T, us: number): T {
  return (moment + us) as T;
}

/** The latest of moments of one clock. */
export function latestUs<T extends LocalUs | ServerUs>(...moments: readonly T[]): T {
  return latestOf(moments);
}

/** The same for a list of any length. */
export function latestOf<T extends LocalUs | ServerUs>(moments: Iterable<T>): T {
  return largest(moments) as T;
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
  return earliestOf(moments);
}

/** The same for a list of any length. */
export function earliestOf<T extends LocalUs | ServerUs>(moments: Iterable<T>): T {
  return smallest(moments) as T;
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

/** For libraries that take a Date. */
export function toDate(us: LocalUs | ServerUs): Date {
  return new Date(us / 1000);
}

/** As Prefect writes times: UTC with `Z`; six fractional digits, or none when they are zero. */
export function formatIsoUs(us: number): Sentence {
  const ms = Math.floor(us / 1000);
  const micros = us - Math.floor(us / 1_000_000) * 1_000_000;
  const head = new Date(ms).toISOString().slice(0, 19);
  return (micros === 0 ? `${head}Z` : `${head}.${String(micros).padStart(6, "0")}Z`) as Sentence;
}

/** Cut to whole seconds: `2026-01-31T09:00:00Z`. */
export function formatIsoSeconds(us: number): Sentence {
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

const UNIT_US: Record<string, number> = {
  s: SECOND_US,
  sec: SECOND_US,
  second: SECOND_US,
  m: MINUTE_US,
  min: MINUTE_US,
  minute: MINUTE_US,
  h: HOUR_US,
  hr: HOUR_US,
  hour: HOUR_US,
  d: DAY_US,
  day: DAY_US,
  w: 7 * DAY_US,
  week: 7 * DAY_US,
};
/** One number with its unit, at the start of the rest of a duration. */
const PART = /(\d+(?:\.\d+)?|an?(?=\s))\s*([a-z]+)(?:(?:\s*,\s*|\s+and\s+)(?=\d|an?\s)|\s*)/iy;
/** Characters; no duration that a person writes is longer. */
const LONGEST_DURATION = 80;
const ISO_DURATION = /^P(?:(\d+(?:\.\d+)?)D)?(?:T(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?$/i;

/** Microseconds of `7d`, `1h30m`, `1.5 hours`, `2 days and 3 hours`, `PT15M`, `P7D`; undefined for other texts. */
export function parseDurationUs(text: string): number | undefined {
  const trimmed = text.trim();
  if (trimmed.length > LONGEST_DURATION) return undefined;
  const iso = ISO_DURATION.exec(trimmed);
  if (!iso || trimmed.length < 3) return sumOfParts(trimmed);
  const [, days = "0", hours = "0", minutes = "0", seconds = "0"] = iso;
  return Math.round(
    Number(days) * DAY_US + Number(hours) * HOUR_US + Number(minutes) * MINUTE_US + Number(seconds) * SECOND_US,
  );
}

/** Units descend, so that `1h30h` is not a duration. */
function sumOfParts(text: string): number | undefined {
  let [sumUs, at, lastUnitUs] = [0, 0, Number.POSITIVE_INFINITY];
  while (at < text.length) {
    PART.lastIndex = at;
    const [part = "", count = "", unit = ""] = PART.exec(text) ?? [];
    const name = unit.toLowerCase();
    const unitUs = UNIT_US[name] ?? (name.length > 2 ? UNIT_US[name.replace(/s$/, "")] : undefined);
    if (unitUs === undefined || unitUs >= lastUnitUs) return undefined;
    sumUs += Number(/^a/i.test(count) ? 1 : count) * unitUs;
    lastUnitUs = unitUs;
    at += part.length;
  }
  return at === 0 ? undefined : Math.round(sumUs);
}

const DAY_NAMES: Record<string, number> = { yesterday: -1, today: 0, tomorrow: 1 };
export function isDayName(text: string): boolean {
  return Object.hasOwn(DAY_NAMES, text.trim().toLowerCase());
}

const FROM_NOW = /^(?:now\s*([+-])|([+-])|(in\s))\s*/i;

/**
 * A moment as ISO text, as a duration before now (`2h`, `1h30m`, `24 hours ago`, `now-1h`) or after it (`now+1h`, `in 1h`), as `now`, or
 * as the start of a day in UTC (`today`, `yesterday`, `tomorrow`).
 */
export function parseMomentUs(text: string, nowUs: ServerUs): ServerUs | undefined {
  const trimmed = text.trim();
  if (trimmed.length > LONGEST_DURATION) return undefined;
  const word = trimmed.toLowerCase();
  if (word === "now") return nowUs;
  if (Object.hasOwn(DAY_NAMES, word)) {
    return withinYears(Math.floor(nowUs / DAY_US) * DAY_US + (DAY_NAMES[word] ?? 0) * DAY_US);
  }
  const sign = FROM_NOW.exec(trimmed);
  const isAhead = sign !== null && (sign[1] ?? sign[2] ?? sign[3]) !== "-";
  const rest = trimmed.slice(sign?.[0].length ?? 0);
  const us = parseDurationUs(sign ? rest : rest.replace(/(?<!\s)\s+ago$|(?<=[a-z])ago$/i, ""));
  return us === undefined ? parseIsoUs(text) : withinYears(isAhead ? nowUs + us : nowUs - us);
}
