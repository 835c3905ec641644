/** Arguments and output members that many tools share. Schemas are built once, at module scope, because building them per call is slow. */

import { z } from "zod";
import { AppError } from "../../errors.ts";
import { type MomentRole, readMoment } from "../../lib/named-moment.ts";
import { asName, asNames, joined, quote, type Sentence, sentence } from "../../lib/shown-text.ts";
import { formatIsoSeconds, isDayName, parseDurationUs, type ServerUs } from "../../lib/time.ts";
import type { DurationBounds } from "../../model/runs/run-duration.ts";
import { columnOf, OWNER_HEADING } from "../answer/table.ts";
import { DEFAULT_TOKENS, MAX_TOKENS } from "../answer/token-budget.ts";
import { withNearest } from "./suggestions.ts";

export const textArg = z.string().optional();
export const flagArg = z.boolean().optional();
export const textsArg = z.array(z.string()).optional();
/** A Prefect filter object. Its fields are checked where it is read: their schema would make `tools/list` too large. */
export const filterArg = z.looseObject({}).optional();
/** Of tools in `withMoment`. */
export const momentArg = z.string().describe("past moment: as it was then").optional();
export const detailArg = z.enum(["brief", "full"]).optional();

export const limitArg = (max: number) => z.number().int().min(1).max(max).optional();

/** Members of every list tool's input. */
export const listArgs = (maxLimit: number) => ({
  limit: limitArg(maxLimit),
  cursor: textArg,
  fresh: flagArg,
  detail: detailArg,
  fields: textsArg,
});

/** Output of a list tool. No member is required, so that an error is valid too. */
export function listOutput(key: string, extra: z.ZodRawShape = {}) {
  return z.looseObject({ [key]: z.array(z.looseObject({})).optional(), ...extra, ...metaOutput });
}

/** Output members of every answer. */
export const metaOutput = {
  source: z.string().optional(),
  as_of: z.string().optional(),
  coverage: z.looseObject({}).optional(),
  next_cursor: textArg,
};

export interface PageInput {
  readonly limit?: number | undefined;
  readonly detail?: "brief" | "full" | undefined;
}

/** Tokens the whole answer may take. `share`: of an answer beside those of other workspaces. */
export function tokenBudget(input: PageInput, share = 1): number {
  return Math.floor((input.limit !== undefined || input.detail === "full" ? MAX_TOKENS : DEFAULT_TOKENS) * share);
}

/** A time argument (as `readMoment` reads it) in microseconds. Throws AppError `invalid_input`. */
export function timeArg(name: string, text: string | undefined, nowUs: ServerUs): ServerUs | undefined {
  if (text === undefined) return undefined;
  const read = readMoment(text, nowUs, roleOf(name));
  if (read !== undefined && "us" in read) return read.us;
  throw new AppError(
    "invalid_input",
    sentence`argument "${asName(name)}": ${quote(text)} ${read?.problem ?? sentence`is not a time`}`,
    {
      hint:
        read?.write ??
        'Give ISO 8601 ("2026-01-31T09:00:00Z", or with an offset for another zone: "2026-01-31T09:00:00+01:00"), an age ("90m", "1h30m", "24 hours ago", "7d"), or a day and a time ("today", "yesterday 14:00", "last monday 9am Europe/Berlin"; UTC without a zone).',
    },
  );
}

const TIME_ARGUMENTS: Readonly<Record<string, MomentRole>> = {
  since: "start",
  until: "end",
  occurred_after: "start",
  occurred_before: "end",
  at: "past",
  scheduled_time: "later",
};

function roleOf(argument: string): MomentRole {
  return TIME_ARGUMENTS[argument] ?? "start";
}

/** States the zone of days, and the moments that arguments name by a day, a time of day or a zone; null without any. */
export function dayNote(args: { readonly [name: string]: unknown }, nowUs: ServerUs): Sentence | null {
  const read = (name: string, fromUs: ServerUs) => {
    const text = args[name];
    const moment = typeof text === "string" ? readMoment(text, fromUs, roleOf(name)) : undefined;
    return moment !== undefined && "us" in moment ? { ...moment, text: String(text) } : null;
  };
  // A window of a past moment ends there.
  const fromUs = read("at", nowUs)?.us ?? nowUs;
  const found = Object.keys(TIME_ARGUMENTS).flatMap((name) => {
    const moment = read(name, name === "at" ? nowUs : fromUs);
    return moment?.isNamed ? [{ ...moment, name }] : [];
  });
  if (found.length === 0) return null;
  const [isDay, named] = [found.some(({ text }) => isDayName(text)), found.filter(({ text }) => !isDayName(text))];
  const each = named.map(({ name, text, us }) => sentence`${asName(name)} ${quote(text)} is ${formatIsoSeconds(us)}`);
  const zone = isDay
    ? sentence`Days begin at 00:00 UTC; `
    : sentence`Without a zone, days and times are those of UTC; `;
  return sentence`${each.length > 0 ? sentence`${joined(each, ", ")}. ` : ""}${zone}it is ${formatIsoSeconds(nowUs)}.`;
}

/** A duration argument, microseconds: with units, or a number of seconds. Throws AppError `invalid_input`. */
export function durationArg(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const us = parseDurationUs(/^\d+(?:\.\d+)?$/.test(text.trim()) ? `${text.trim()}s` : text);
  if (us !== undefined) return us;
  throw new AppError("invalid_input", sentence`argument "${asName(name)}": ${quote(text)} is not a duration`, {
    hint: 'Give seconds (90) or a duration with units ("90s", "1h30m", "2 days").',
  });
}

/** `min_duration` and `max_duration`; undefined without both. Throws AppError `invalid_input`. */
export function durationBounds(args: {
  readonly min_duration?: string | undefined;
  readonly max_duration?: string | undefined;
}): DurationBounds | undefined {
  const minUs = durationArg("min_duration", args.min_duration);
  const maxUs = durationArg("max_duration", args.max_duration);
  if (minUs === undefined && maxUs === undefined) return undefined;
  if (minUs === undefined || maxUs === undefined || minUs <= maxUs) return { minUs, maxUs };
  throw new AppError("invalid_input", "min_duration is longer than max_duration");
}

/** The names of a tool's arguments for the start and the end of a window. */
type EndNames = readonly [since: string, until: string];

/** Start and end of a window. Throws AppError `invalid_input`. */
export function windowArgs(
  args: { readonly [name: string]: unknown },
  names: EndNames,
  nowUs: ServerUs,
): { sinceUs: ServerUs | undefined; untilUs: ServerUs | undefined } {
  const [sinceUs, untilUs] = names.map((name) => timeArg(name, args[name] as string | undefined, nowUs));
  checkWindow(names, sinceUs, untilUs);
  return { sinceUs, untilUs };
}

/** Throws AppError `invalid_input` for a window that ends before it starts. */
export function checkWindow(
  [since, until]: EndNames,
  sinceUs: ServerUs | undefined,
  untilUs: ServerUs | undefined,
): void {
  if (sinceUs === undefined || untilUs === undefined || sinceUs <= untilUs) return;
  throw new AppError("invalid_input", sentence`${asName(since)} is after ${asName(until)}`);
}

/** The members that a caller means by the headings of the table, in any case; other names are returned as they are. */
export function membersOf(fields: readonly string[], valid: readonly string[]): readonly string[] {
  const under = (field: string) =>
    valid.includes(field) ? [field] : valid.filter((member) => columnOf(member) === field);
  return fields.flatMap((field) => {
    const written = valid.includes(field) ? field : field.trim().toLowerCase().replace(/[ -]/g, "_");
    const meant = written === OWNER_HEADING ? membersOfOwner(under) : under(written);
    return meant.length > 0 ? meant : [field];
  });
}

/** In a list of deployments, the deployment is the `name` beside its flow. */
function membersOfOwner(under: (field: string) => readonly string[]): readonly string[] {
  const [flow, deployment] = [under("flow"), under("deployment")];
  return flow.length > 0 && deployment.length === 0 ? [...flow, ...under("name")] : [...flow, ...deployment];
}

/** Headings of the table that are no members. */
function headings(valid: readonly string[]): readonly string[] {
  const columns = valid.map(columnOf);
  const isOwned = columns.includes("flow") && (columns.includes("deployment") || valid.includes("name"));
  return isOwned ? [...columns, OWNER_HEADING] : columns;
}

/**
 * Only the named members of each item, and `id`. A name may be the heading of a column. Throws AppError `invalid_input` for a name
 * outside `valid`.
 */
export function pickFields(
  items: readonly Record<string, unknown>[],
  fields: readonly string[] | undefined,
  valid: readonly string[],
): readonly Record<string, unknown>[] {
  if (!fields || fields.length === 0) return items;
  const members = membersOf(fields, valid);
  for (const field of members) {
    if (valid.includes(field)) continue;
    throw new AppError("invalid_input", sentence`unknown field ${withNearest(field, valid)}`, {
      hint: sentence`Valid fields: ${asNames([...new Set([...valid, ...headings(valid)])])}.`,
    });
  }
  const wanted = new Set(["id", ...members]);
  return items.map((item) => Object.fromEntries(Object.entries(item).filter(([key]) => wanted.has(key))));
}
