import { z } from "zod";
import { AppError } from "../../errors.ts";
import { durationText } from "../../lib/duration-text.ts";
import { isJsonObject } from "../../lib/exact-json.ts";
import { counted, own, quote, type Sentence, sentence } from "../../lib/shown-text.ts";
import { formatIsoSeconds, formatIsoUs, parseDurationUs } from "../../lib/time.ts";
import type { TimeRange } from "../../model/freshness.ts";
import { type Aggregate, aggregateEvents } from "../../queries/events/aggregate.ts";
import { type EventGroup, GROUPINGS, type Grouping, partOfBucket } from "../../queries/events/event-tally.ts";
import { serverNowUs } from "../../queries/source/server-time.ts";
import { isoOrNull, isoRange } from "../answer/freshness.ts";
import type { Item } from "../answer/table.ts";
import { defineTool } from "../definition/define-tool.ts";
import { EVENT_ALIASES, eventArgs, noEventText, readEventArguments } from "../definition/event-shorthands.ts";
import { listAnswer } from "../definition/list-answer.ts";
import { questionOf, readWindowCursor, windowCursor } from "../definition/list-arguments.ts";
import { flagArg, limitArg, listOutput, textArg, tokenBudget } from "../definition/shared-schemas.ts";

const input = z.strictObject({
  by: z.enum(GROUPINGS).optional(),
  interval: textArg.describe("15m, 1h, 1d"),
  ...eventArgs,
  limit: limitArg(200),
  cursor: textArg,
  fresh: flagArg,
});

/** Items without `limit`: about as many as the default token budget fits. */
const DEFAULT_LIMIT = 60;

export const aggregateEventsTool = defineTool({
  name: "aggregate_events",
  title: "Count events",
  description:
    "Exact event counts over any window, by time bucket (default), event name, resource, deployment or run state. Arguments as in read_events.",
  input,
  output: listOutput("groups", { total: z.number().optional() }),
  aliases: { ...EVENT_ALIASES, group_by: "by", bucket: "interval", step: "interval" },
  async run({ query: ctx }, args) {
    const nowUs = serverNowUs(ctx);
    const question = questionOf(ctx, "aggregate_events", args);
    const by = args.by ?? "time";
    if (args.interval !== undefined && by !== "time") throw new AppError("invalid_input", "interval needs by: time");
    const asked = await readEventArguments(ctx, args, nowUs);
    const place = readWindowCursor(question, args.cursor);
    const found = await aggregateEvents(ctx, {
      filter: asked.filter,
      by,
      stepUs: readInterval(args.interval),
      sinceUs: place?.fromUs ?? asked.sinceUs,
      untilUs: place?.toUs ?? asked.untilUs,
      fresh: args.fresh,
    });
    // Without an event, the empty buckets say nothing that the total does not.
    const groups = found.total === 0 ? [] : isStartGiven(args) ? found.groups : fromFirst(found.groups);
    const begin = groups[0];
    const none =
      begin !== undefined && groups.length < found.groups.length
        ? [sentence`none before ${formatIsoSeconds(Number(begin.key))} in the window`]
        : [];
    const offset = place?.offset ?? 0;
    const limit = args.limit ?? DEFAULT_LIMIT;
    const count = countText(found, groups.length, by);
    const interval = found.stepUs === null ? {} : { interval_seconds: found.stepUs / 1_000_000 };
    return listAnswer({
      key: "groups",
      noun: [own("group"), own("groups")],
      title: sentence` by ${by}`,
      items: groups.slice(offset, offset + limit).map((group) => toItem(group, by, found)),
      hasMore: groups.length > offset + limit,
      cursorAfter: (index) => windowCursor(question, found.window, offset + index + 1),
      freshness: found.freshness,
      nowUs,
      budget: tokenBudget(args),
      extra: {
        by,
        total: found.total,
        ...(found.ungrouped === 0 ? {} : { grouped: found.total - found.ungrouped, ungrouped: found.ungrouped }),
        ...(found.repeated === 0 ? {} : { repeated: found.repeated }),
        group_count: groups.length,
        ...interval,
        window: isoRange(found.window),
      },
      facts: [found.stepUs === null ? count : sentence`${count} of ${durationText(found.stepUs)} each`, ...none],
      none: found.total === 0 ? noEventText(ctx, asked.filter) : sentence`Events match, but none is in a row.`,
      order: ["start", "group", "name", "count", "part"],
      hint: sentence`Narrow by event_type_prefix, resource or times.`,
    });
  },
});

function isStartGiven(args: { readonly occurred_after?: string | undefined; readonly filter?: unknown }): boolean {
  return args.occurred_after !== undefined || (isJsonObject(args.filter) && args.filter.occurred !== undefined);
}

/** Without the empty buckets before the first event: where the call names no start, they only repeat that nothing was recorded earlier. */
function fromFirst(groups: readonly EventGroup[]): readonly EventGroup[] {
  const first = groups.findIndex(({ count }) => count > 0);
  return groups.slice(Math.max(first, 0));
}

/** How many events there are, and which of them are in no row or in several. */
function countText({ total, ungrouped, repeated, freshness }: Aggregate, groups: number, by: Grouping): Sentence {
  const all = counted(total, "event");
  const several =
    repeated === 0 ? "" : sentence`; the rows add up to ${repeated} more, because events can have several deployments`;
  if (ungrouped === 0) return sentence`${all} in ${counted(groups, "group")}${several}`;
  // Prefect counts the deployments that exist; the record also knows deleted ones.
  const lack =
    by === "state"
      ? "that change no run state"
      : freshness.source === "record"
        ? "without a deployment"
        : "without a deployment or with a deleted one";
  const verb = ungrouped === 1 ? "is" : "are";
  return sentence`${all}, ${total - ungrouped} of them in ${counted(groups, "group")}; ${ungrouped} ${lack} ${verb} in no row${several}`;
}

function toItem({ key, label, count, firstUs, lastUs }: EventGroup, by: Grouping, found: Aggregate): Item {
  if (by === "time") {
    const part = found.stepUs === null ? null : partOfBucket(Number(key), found.stepUs, found.window);
    return { start: formatIsoUs(Number(key)), count, ...(part === null ? {} : { part: partText(part) }) };
  }
  const name = label === null ? {} : { name: label };
  return {
    group: key,
    ...name,
    count,
    ...(firstUs === null ? {} : { first: isoOrNull(firstUs), last: isoOrNull(lastUs) }),
  };
}

/** The window begins or ends inside the bucket, so its count is of this part. */
function partText({ fromUs, toUs }: Partial<TimeRange>): string {
  const from = fromUs === undefined ? [] : [`from ${formatIsoSeconds(fromUs)}`];
  const to = toUs === undefined ? [] : [`until ${formatIsoSeconds(toUs)}`];
  return [...from, ...to].join(" ");
}

const INTERVAL_WORDS: Readonly<Record<string, string>> = {
  minutely: "minute",
  hourly: "hour",
  daily: "day",
  weekly: "week",
};

function readInterval(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const given = text.trim();
  // `month` begins like `minute`, and `1M` is a month in other programs.
  const [, , unit = ""] =
    /^(per |each |every )?(s|m|h|d|w|sec|second|min|minute|hour|day|week)$/.exec(given.toLowerCase()) ?? [];
  const word = INTERVAL_WORDS[given.toLowerCase()] ?? unit;
  const us = /^\d+ ?M$|^M$/.test(given) ? undefined : parseDurationUs(word === "" ? given : `1 ${word}`);
  if (us !== undefined && us > 0) return us;
  throw new AppError("invalid_input", sentence`argument "interval": ${quote(text)} is not a duration`, {
    hint: 'Such as "30s", "15m", "1h", "1d", "1w".',
  });
}
