/**
 * Moments as people write them: a day by its name, a time of day, a zone (`last monday 9am Europe/Berlin`). What may mean several moments
 * is refused with what to write instead, because an answer about the wrong time looks like any other.
 */
import { asName, asPlace, quote, type Sentence, sentence } from "./shown-text.ts";
import { isDayName, parseDurationUs, parseIsoUs, parseMomentUs, type ServerUs } from "./time.ts";

/**
 * What a moment is for. `start` and `end` of a window, and a `past` moment or a `later` one: a time of day without its day is in the past
 * or lies ahead.
 */
export type MomentRole = "start" | "end" | "past" | "later";

/** A text that may mean several moments, or none. `problem` is said of it (`may mean …`), `write` says what to give instead. */
export interface UnclearMoment {
  readonly problem: Sentence;
  readonly write: Sentence;
}

/** `isNamed`: it was understood from a day, a time of day or a zone by name, so that the answer should state it. */
export type NamedMoment = { readonly us: ServerUs; readonly isNamed: boolean } | UnclearMoment;

/** Characters; no moment that a person writes is longer. */
const LONGEST = 80;
const DEFAULT_ZONE = "UTC";

/** Undefined for a text that is no moment at all. */
export function readMoment(text: string, nowUs: ServerUs, role: MomentRole): NamedMoment | undefined {
  const given = text.trim();
  if (given.length > LONGEST) return undefined;
  if (MINUTES_OR_MONTHS.test(given))
    return { problem: sentence`may mean minutes or months`, write: sentence`Write 30min, or 30d.` };
  const plain = parseMomentUs(given, nowUs);
  if (plain !== undefined) return { us: plain, isNamed: isDayName(given) };
  const words = given.replace(/\s+/g, " ").replace(LEADING[role], "");
  if (role === "start") {
    const us = parseDurationUs(words.replace(/^(?:(?:in|within|over) )?(?:the )?(?:last|past) (?=\d)/i, ""));
    if (us !== undefined) return { us: (nowUs - us) as ServerUs, isNamed: false };
  }
  return refusal(given) ?? readNamed(words, nowUs, role);
}

/** Words before a moment that repeat what the argument says. */
const LEADING: Readonly<Record<MomentRole, RegExp>> = {
  start: /^(?:since|from|on|at) (?=\S)/i,
  end: /^(?:until|till|to|on|at) (?=\S)/i,
  past: /^(?:as of|on|at) (?=\S)/i,
  later: /^(?:on|at) (?=\S)/i,
};

const DATE = sentence`Write the date, such as 2026-11-30`;
const AGE = sentence`an age such as 7d`;

/** `1M` is a month in other programs. */
const MINUTES_OR_MONTHS = /^(?:now)? ?[-+]? ?\d+ ?M(?: ago)?$/;
/** What people write for different moments. */
const REFUSED: readonly (readonly [RegExp, Sentence, Sentence])[] = [
  [
    /\b(?:a|\d+) (?:months?|years?)\b|\b\d+ ?(?:mo|mos|y|yr|yrs)\b/i,
    sentence`has no fixed length`,
    sentence`Write days: 30d, 365d.`,
  ],
  [
    /\b(?:this|last|past|next|previous) (?:week|month|quarter|year|weekend)\b/i,
    sentence`may begin at different days`,
    sentence`${DATE}, or ${AGE}.`,
  ],
  [
    /\b(?:this (?:morning|afternoon|evening)|last night|tonight|(?:this|next|previous) (?:mon|tues|wednes|thurs|fri|satur|sun)day)\b/i,
    sentence`may mean different times`,
    sentence`Write a day and a time: yesterday 22:00, last monday 9am, 2026-11-30T09:00Z.`,
  ],
  [
    /\bmidnight\b/i,
    sentence`may be the one before or after`,
    sentence`Write 00:00 of a day: today 00:00, 2026-11-30 00:00.`,
  ],
  [
    /\b\d{1,2}\/\d{1,2}(?:\/\d{2,4})?\b|\b\d{1,2}\.\d{1,2}\.(?:\d{2,4})?(?= |$)/,
    sentence`may be read day first or month first`,
    sentence`${DATE}.`,
  ],
  [/^\d{9,}$/, sentence`is a number, in seconds or milliseconds`, sentence`Write it as a date: 2026-11-30T09:00:00Z.`],
];

function refusal(text: string): NamedMoment | null {
  for (const [pattern, problem, write] of REFUSED) if (pattern.test(text)) return { problem, write };
  return null;
}

/** Fixed names of offsets, with a zone that has them: their clock has to show them at that date. Others name several zones, as CST does. */
const ABBREVIATIONS: Readonly<Record<string, readonly [zone: string, offset: string]>> = {
  cet: ["Europe/Berlin", "+01:00"],
  cest: ["Europe/Berlin", "+02:00"],
  eet: ["Europe/Athens", "+02:00"],
  eest: ["Europe/Athens", "+03:00"],
  wet: ["Europe/Lisbon", "+00:00"],
  west: ["Europe/Lisbon", "+01:00"],
  est: ["America/New_York", "-05:00"],
  edt: ["America/New_York", "-04:00"],
  pst: ["America/Los_Angeles", "-08:00"],
  pdt: ["America/Los_Angeles", "-07:00"],
  jst: ["Asia/Tokyo", "+09:00"],
};
const ZONE =
  /(?:^| |(?<=\d))(?:\[?([a-z_]+(?:\/[a-z0-9_+-]+){1,2})\]?|(utc|gmt|z)?([+-]\d{1,2}(?::?\d{2})?)|(utc|gmt|z))$/i;
const DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const TIME =
  /(?:^|[ t])(?:at )?(?:(\d{1,2})(?::(\d\d))?(?::(\d\d))? ?(am|pm)|(\d{1,2}):(\d\d)(?::(\d\d)(?:\.\d+)?)?|(noon))(?= |$)/i;

const MIDNIGHT = Temporal.PlainTime.from("00:00");

type Part<T> = { readonly rest: string; readonly value: T };

function readNamed(text: string, nowUs: ServerUs, role: MomentRole): NamedMoment | undefined {
  const zone = takeZone(text);
  if (zone === null) return undefined;
  if ("problem" in zone.value) return zone.value;
  const time = takeTime(zone.rest);
  const now = Temporal.Instant.fromEpochMilliseconds(Math.floor(nowUs / 1000)).toZonedDateTimeISO(zone.value.zone);
  const today = now.toPlainDate();
  const word = time.rest.replace(/^on /i, "").replace(/,$/, "").trim();
  if (word === "" && time.value === null) return undefined;
  const date = word === "" ? today : readDate(word, today, role);
  if (date === undefined) return unknownZone(text);
  if ("problem" in date) return date;
  const moment = resolve(date, time.value ?? MIDNIGHT, zone.value);
  if ("problem" in moment) return moment;
  const isWrongSide = role === "later" ? moment.us < nowUs : role !== "end" && moment.us > nowUs;
  if (word === "" && isWrongSide) {
    const shown = asPlace((time.value ?? MIDNIGHT).toString().slice(0, 5));
    const there = asPlace(zone.value.zone);
    return role === "later"
      ? {
          problem: sentence`is over today in ${there}`,
          write: sentence`Write the day, as in tomorrow ${shown}, or another zone.`,
        }
      : {
          problem: sentence`is still to come today in ${there}`,
          write: sentence`Write the day, as in yesterday ${shown}, or another zone: ${shown} Europe/Berlin.`,
        };
  }
  return { us: moment.us, isNamed: true };
}

/** A moment that ends with an abbreviation which has several meanings, or none. */
function unknownZone(text: string): NamedMoment | undefined {
  const letters = /\d(?:am|pm)? ([A-Z]{2,5})$/.exec(text)?.[1];
  if (letters === undefined) return undefined;
  return {
    problem: sentence`has a zone, ${asName(letters)}, that several countries use or that is not known`,
    write: sentence`Write a zone such as Europe/Berlin, or an offset such as +01:00.`,
  };
}

interface Zone {
  /** For Temporal. */
  readonly zone: string;
  /** The offset that an abbreviation promises. */
  readonly offset?: string;
  readonly given: string;
}

/** Null: the text ends with a word that is no zone. */
function takeZone(text: string): Part<Zone | UnclearMoment> | null {
  const abbreviation = /(?:^| )([a-z]{3,4})$/i.exec(text);
  const known = ABBREVIATIONS[abbreviation?.[1]?.toLowerCase() ?? ""];
  if (abbreviation && known) {
    const [zone, offset] = known;
    return { rest: text.slice(0, abbreviation.index), value: { zone, offset, given: abbreviation[1] ?? "" } };
  }
  const found = ZONE.exec(text);
  // `-30` ends a date.
  if (!found || /^\d{4}-\d\d-\d\d$/.test(text)) return { rest: text, value: { zone: DEFAULT_ZONE, given: "" } };
  const [part, place, , offset] = found;
  const rest = text.slice(0, found.index);
  if (place === undefined && offset === undefined) return { rest, value: { zone: DEFAULT_ZONE, given: "" } };
  const zone = place ?? wholeOffset(offset ?? "");
  try {
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(zone);
    return { rest, value: { zone, given: zone } };
  } catch {
    return {
      rest,
      value: {
        problem: sentence`has no known time zone in ${quote(part.trim())}`,
        write: sentence`Write a zone such as Europe/Berlin, or an offset such as +01:00.`,
      },
    };
  }
}

function wholeOffset(offset: string): string {
  const digits = offset.slice(1).replace(":", "");
  const [hours, minutes] = digits.length > 2 ? [digits.slice(0, -2), digits.slice(-2)] : [digits, "00"];
  return `${offset.charAt(0)}${hours.padStart(2, "0")}:${minutes}`;
}

function takeTime(text: string): Part<Temporal.PlainTime | null> {
  const found = TIME.exec(text);
  if (!found) return { rest: text, value: null };
  const [part, hour12, minute12, second12, half, hour24, minute24, second24, noon] = found;
  const rest = `${text.slice(0, found.index)} ${text.slice(found.index + part.length)}`.trim();
  if (noon !== undefined) return { rest, value: Temporal.PlainTime.from("12:00") };
  const hour = Number(hour12 ?? hour24);
  // 13pm is no time.
  if (half !== undefined && (hour < 1 || hour > 12)) return { rest: text, value: null };
  const hours = half === undefined ? hour : (hour % 12) + (half.toLowerCase() === "pm" ? 12 : 0);
  const [minute, second] = [Number(minute12 ?? minute24 ?? 0), Number(second12 ?? second24 ?? 0)];
  if (hours > 23 || minute > 59 || second > 59) return { rest: text, value: null };
  return { rest, value: new Temporal.PlainTime(hours, minute, second) };
}

function readDate(
  word: string,
  today: Temporal.PlainDate,
  role: MomentRole,
): Temporal.PlainDate | UnclearMoment | undefined {
  const name = word.toLowerCase();
  const near = { yesterday: -1, today: 0, tomorrow: 1 }[name];
  if (near !== undefined) return today.add({ days: near });
  const [, last, day = ""] = /^(last )?([a-z]+)$/.exec(name) ?? [];
  const weekday = DAYS.findIndex((one) => one === day || (day.length >= 3 && one.slice(0, 3) === day)) + 1;
  if (weekday > 0) {
    const back = (today.dayOfWeek - weekday + 7) % 7;
    if (last !== undefined) return today.subtract({ days: back || 7 });
    const isUnclear = back === 0 || role === "end" || role === "later";
    if (!isUnclear) return today.subtract({ days: back });
    return {
      problem: sentence`may be the last or the next one`,
      write: sentence`Write the date, such as ${asName(today.toString())}${role === "later" ? "" : sentence`, or "last ${asName(day)}"`}.`,
    };
  }
  const [, dayFirst, monthThen, monthFirst, dayThen, year] =
    /^(?:(\d{1,2})(?:st|nd|rd|th)? ([a-z]{3,9})|([a-z]{3,9}) (\d{1,2})(?:st|nd|rd|th)?),?(?: (\d{4}))?$/.exec(name) ??
    [];
  const month = monthOf(monthThen ?? monthFirst ?? "");
  if (month > 0 && year === undefined) return { problem: sentence`has no year`, write: sentence`${DATE}.` };
  const iso = /^\d{4}-\d\d-\d\d$/.test(name)
    ? name
    : `${year}-${String(month).padStart(2, "0")}-${(dayFirst ?? dayThen ?? "").padStart(2, "0")}`;
  return parseIsoUs(iso) === undefined ? undefined : Temporal.PlainDate.from(iso);
}

const MONTH_NAMES = "january february march april may june july august september october november december".split(" ");
/** 1 to 12; 0 for another word. */
function monthOf(word: string): number {
  const index = MONTH_NAMES.findIndex((name) => name === word || (word.length === 3 && name.startsWith(word)));
  return word === "sept" ? 9 : index + 1;
}

/** The moment at which a clock of the zone shows this; a problem where it never does, or twice. */
function resolve(
  date: Temporal.PlainDate,
  time: Temporal.PlainTime,
  { zone, offset, given }: Zone,
): { readonly us: ServerUs } | UnclearMoment {
  const wall = date.toPlainDateTime(time);
  if (offset !== undefined) {
    const moment = wall.toZonedDateTime(offset).toInstant();
    const there = moment.toZonedDateTimeISO(zone).offset;
    if (there === offset) return { us: (moment.epochMilliseconds * 1000) as ServerUs };
    return {
      problem: sentence`says ${asName(given)}, which is ${asPlace(offset)}, but clocks are at ${asPlace(there)} then`,
      write: sentence`Write ${asName(zone)} for the time of its clocks, or ${asPlace(offset)}.`,
    };
  }
  const first = wall.toZonedDateTime(zone, { disambiguation: "earlier" });
  const second = wall.toZonedDateTime(zone, { disambiguation: "later" });
  if (first.epochMilliseconds === second.epochMilliseconds) return { us: (first.epochMilliseconds * 1000) as ServerUs };
  const write = sentence`Write it with an offset: ${asPlace(wall.toString())}${asPlace(first.offset)}.`;
  return first.toPlainDateTime().equals(wall)
    ? { problem: sentence`happened twice in ${asName(zone)}, where clocks were set back`, write }
    : { problem: sentence`was skipped in ${asName(zone)}, where clocks were set forward`, write };
}
