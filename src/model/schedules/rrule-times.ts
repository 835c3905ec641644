/**
 * Times of a recurrence rule. Prefect computes them with dateutil on the zone's clock: the zone of DTSTART, UNTIL and dates is dropped.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/schemas/schedules.py (`RRuleSchedule.to_rrule`)
 */
import { RRuleTemporal } from "rrule-temporal";
import { HOUR_US, MINUTE_US, parseIsoUs, SECOND_US, type ServerUs, toDate } from "../../lib/time.ts";
import type { TimeRange } from "../freshness.ts";
import { momentOf, type WallUs, wallOf } from "./wall-clock.ts";

export interface RruleRule {
  readonly rrule: string;
  readonly zone: string;
}

/** `DEFAULT_ANCHOR_DATE` of Prefect: the start of a rule without DTSTART. */
const DEFAULT_START: WallUs = parseIsoUs("2020-01-01T00:00:00Z") ?? 0;
/** Of a rule that is limited by a number of times: each of them is computed. */
const MAX_COUNT = 10_000;
/** By how much a zone's clock is set at most: 2 hours in Antarctica/Troll. */
const MARGIN_US = 2 * HOUR_US;
/** What the library throws when so many steps of a rule have no time. */
const NO_TIME = /^Maximum iterations/;

/** At most `limit` times within the closed range, ascending. Throws for a rule that is not understood. */
export function rruleTimes({ rrule, zone }: RruleRule, range: TimeRange, limit: number): ServerUs[] {
  const parts = parseRule(rrule);
  const wall = { fromUs: wallOf(range.fromUs, zone) - MARGIN_US, toUs: wallOf(range.toUs, zone) + MARGIN_US };
  const expand = (rule: string) => expandRule(rule, parts.startUs, wall, limit);
  const excluded = new Set([...parts.exdates, ...parts.exrules.flatMap(expand)]);
  const found = [...parts.rules.flatMap(expand), ...parts.rdates].filter((us) => !excluded.has(us));
  const moments = [...new Set(found.map((us) => momentOf(us, zone, "after")))].sort((a, b) => a - b);
  return moments.filter((us) => us >= range.fromUs && us <= range.toUs).slice(0, limit);
}

interface RuleParts {
  readonly startUs: WallUs;
  readonly rules: readonly string[];
  readonly exrules: readonly string[];
  readonly rdates: readonly WallUs[];
  readonly exdates: readonly WallUs[];
}

function parseRule(text: string): RuleParts {
  const lines = text
    .split(/[\r\n]+/)
    .flatMap((line) => line.split(/(?<!\s)\s+(?=(?:RRULE|EXRULE|RDATE|EXDATE)[:;])/i))
    .map((line) => line.trim())
    .filter((line) => line !== "");
  const of = (name: string) =>
    lines.flatMap((line) => (new RegExp(`^${name}[:;]`, "i").test(line) ? [line.slice(line.indexOf(":") + 1)] : []));
  const bare = lines.filter((line) => /^[A-Z]+=/i.test(line));
  const [start] = of("DTSTART");
  const dates = (name: string) => of(name).flatMap((line) => line.split(",").map(wallOfText));
  const rules = [...of("RRULE"), ...bare];
  if (rules.length === 0 && dates("RDATE").length === 0) throw new RangeError("no rule");
  return {
    startUs: start === undefined ? DEFAULT_START : wallOfText(start),
    rules,
    exrules: of("EXRULE"),
    rdates: dates("RDATE"),
    exdates: dates("EXDATE"),
  };
}

/** `20260131T090000` or `20260131`; a `Z` is dropped. */
function wallOfText(text: string): WallUs {
  const match = /^(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)Z?)?$/i.exec(text.trim());
  const [, year, month, day, hour = "00", minute = "00", second = "00"] = match ?? [];
  const us = match ? parseIsoUs(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`) : undefined;
  if (us === undefined) throw new RangeError(`not a date: ${text.slice(0, 40)}`);
  return us;
}

const STEPS: Readonly<Record<string, number>> = { SECONDLY: SECOND_US, MINUTELY: MINUTE_US, HOURLY: HOUR_US };

function expandRule(
  rule: string,
  startUs: WallUs,
  { fromUs, toUs }: { fromUs: WallUs; toUs: WallUs },
  limit: number,
): WallUs[] {
  const fields = new Map(
    rule
      .toUpperCase()
      .split(";")
      .map((part) => part.split("=", 2) as [string, string]),
  );
  const count = Number(fields.get("COUNT") ?? 0);
  if (count > MAX_COUNT) throw new RangeError("COUNT is too large");
  const stepUs = (STEPS[fields.get("FREQ") ?? ""] ?? 0) * Number(fields.get("INTERVAL") ?? 1);
  // A rule of minutes that began years ago has millions of times: it starts near the range, in the same phase.
  const jumped =
    stepUs > 0 && count === 0 && startUs < fromUs
      ? startUs + stepUs * Math.floor((fromUs - startUs) / stepUs)
      : startUs;
  const until = fields.get("UNTIL");
  const untilUs = until === undefined ? Number.POSITIVE_INFINITY : wallOfText(until);
  if (untilUs < fromUs || jumped > toUs) return [];
  const others = [...fields].filter(([name]) => name !== "UNTIL").map(([name, value]) => `${name}=${value}`);
  const made = new RRuleTemporal({ rruleString: `DTSTART;TZID=UTC:${compact(jumped)}\nRRULE:${others.join(";")}` });
  const times: WallUs[] = [];
  let wanted = limit + 1;
  for (let us = nextOf(made, fromUs, true); us <= Math.min(toUs, untilUs) && wanted > 0; us = nextOf(made, us, false)) {
    times.push(us);
    // Those within the margin may lie before the range.
    if (us >= fromUs + 2 * MARGIN_US) wanted -= 1;
  }
  return times;
}

function nextOf(rule: RRuleTemporal, us: WallUs, isIncluded: boolean): WallUs {
  try {
    return (rule.next(toDate(us), isIncluded)?.epochMilliseconds ?? Number.POSITIVE_INFINITY) * 1000;
  } catch (error) {
    if (error instanceof Error && NO_TIME.test(error.message)) return Number.POSITIVE_INFINITY;
    throw error;
  }
}

/** `20260131T090000` */
function compact(us: WallUs): string {
  return toDate(us).toISOString().slice(0, 19).replace(/[-:]/g, "");
}
