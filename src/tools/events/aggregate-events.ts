import { z } from "zod";
import { AppError } from "../../errors.ts";
import { durationText } from "../../lib/duration-text.ts";
import { isJsonObject } from "../../lib/exact-json.ts";
import { counted, own, quote, sentence } from "../../lib/shown-text.ts";
import { formatIsoSeconds, formatIsoUs, parseDurationUs } from "../../lib/time.ts";
import { aggregateEvents } from "../../queries/events/aggregate.ts";
import { type EventGroup, GROUPINGS, type Grouping } from "../../queries/events/event-tally.ts";
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
    const count = sentence`${counted(found.total, "event")} in ${counted(groups.length, "group")}`;
    const interval = found.stepUs === null ? {} : { interval_seconds: found.stepUs / 1_000_000 };
    return listAnswer({
      key: "groups",
      noun: [own("group"), own("groups")],
      title: sentence` by ${by}`,
      items: groups.slice(offset, offset + limit).map((group) => toItem(group, by)),
      hasMore: groups.length > offset + limit,
      cursorAfter: (index) => windowCursor(question, found.window, offset + index + 1),
      freshness: found.freshness,
      nowUs,
      budget: tokenBudget(args),
      extra: {
        by,
        total: found.total,
        group_count: groups.length,
        ...interval,
        window: isoRange(found.window),
      },
      facts: [found.stepUs === null ? count : sentence`${count} of ${durationText(found.stepUs)} each`, ...none],
      ...(found.total === 0 && { none: noEventText(ctx, asked.filter) }),
      order: ["start", "group", "name", "count"],
      hint: sentence`Narrow by event_type_prefix, resource or times.`,
    });
  },
});

function isStartGiven(args: { readonly occurred_after?: string | undefined; readonly filter?: unknown }): boolean {
  return args.occurred_after !== undefined || (isJsonObject(args.filter) && args.filter.occurred !== undefined);
}

/** Without the empty buckets before the first event: where nobody asked for a start, they say nothing. */
function fromFirst(groups: readonly EventGroup[]): readonly EventGroup[] {
  const first = groups.findIndex(({ count }) => count > 0);
  return groups.slice(Math.max(first, 0));
}

function toItem({ key, label, count, firstUs, lastUs }: EventGroup, by: Grouping): Item {
  if (by === "time") return { start: formatIsoUs(Number(key)), count };
  const name = label === null ? {} : { name: label };
  return {
    group: key,
    ...name,
    count,
    ...(firstUs === null ? {} : { first: isoOrNull(firstUs), last: isoOrNull(lastUs) }),
  };
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
