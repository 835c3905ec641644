import { z } from "zod";
import { own, sentence } from "../../lib/shown-text.ts";
import type { PrefectEvent } from "../../model/events/event.ts";
import { withDeploymentNames } from "../../queries/events/deployment-names.ts";
import { briefEvent } from "../../queries/events/event-brief.ts";
import { listEvents } from "../../queries/events/events.ts";
import { serverNowUs } from "../../queries/source/server-time.ts";
import { encodeCursor } from "../answer/cursor.ts";
import { isoRange } from "../answer/freshness.ts";
import { type Item, withOwner } from "../answer/table.ts";
import { defineTool } from "../definition/define-tool.ts";
import { EVENT_ALIASES, noEventText } from "../definition/event-shorthands.ts";
import { listAnswer } from "../definition/list-answer.ts";
import { filterArg, listArgs, listOutput, pickFields, textArg, tokenBudget } from "../definition/shared-schemas.ts";
import { readEventQuestion } from "./event-question.ts";

const input = z.strictObject({
  event_type_prefix: textArg,
  occurred_after: z.string().optional().describe("ISO time or age: 24h, 7d"),
  occurred_before: textArg,
  flow_run: z.string().optional().describe("id, name or UI link"),
  deployment: textArg,
  work_pool: textArg,
  resource: textArg.describe("resource id, prefix*, name"),
  filter: filterArg.describe("Prefect EventFilter"),
  order: z.enum(["asc", "desc"]).optional(),
  ...listArgs(500),
});
type Input = z.infer<typeof input>;

const FULL_FIELDS = ["event", "resource", "related", "payload", "follows", "occurred", "received"];
const BRIEF_FIELDS = ["resource_id", "resource_name", "flow_run", "flow", "deployment", "work_pool", "tags", "message"];

const COLUMNS = [
  "occurred",
  "event",
  "resource",
  "flow_run",
  "flow/deployment",
  "flow",
  "deployment",
  "work_pool",
  "tags",
  "message",
];

export const readEventsTool = defineTool({
  name: "read_events",
  title: "Read events",
  description:
    "Events of the workspace: what happened to runs, tasks, deployments, pools, automations, assets, and custom events. Newest first, any age the record or Prefect holds; the answer states its window. resource also matches related resources. detail full: labels, related, payload.",
  input,
  output: listOutput("events"),
  aliases: EVENT_ALIASES,
  async run({ query: ctx }, args) {
    const nowUs = serverNowUs(ctx);
    const asked = await readEventQuestion(ctx, args, nowUs);
    const page = await listEvents(ctx, asked.question);
    const { fromUs, toUs } = page.window;
    const isFull = args.detail === "full";
    return listAnswer({
      key: "events",
      noun: [own("event"), own("events")],
      title: sentence`, ${asked.question.order === "asc" ? "oldest" : "newest"} first`,
      items: pickFields(
        withDeploymentNames(
          ctx.record(),
          page.events.map((event) => toItem(event, args)),
        ),
        args.fields,
        ["id", ...FULL_FIELDS, ...BRIEF_FIELDS],
      ),
      hasMore: page.hasMore,
      cursorAfter: (index) =>
        encodeCursor(asked.fingerprint, [fromUs, toUs, ...asked.positionAfter(page.events, index)]),
      freshness: page.freshness,
      nowUs,
      budget: tokenBudget(args),
      extra: { window: isoRange(page.window) },
      layout: isFull && !args.fields ? "json" : "table",
      order: COLUMNS,
      toRow: args.fields ? shortResource : eventRow,
      keepsMillis: true,
      hint: sentence`Narrow by event_type_prefix, flow_run, deployment or times.`,
      ...(page.events.length === 0 && { none: noEventText(ctx, asked.question.filter) }),
    });
  },
});

function toItem(event: PrefectEvent, { detail, fields }: Input): Item {
  if (fields && fields.length > 0) return { ...inBrief(event), ...event };
  return detail === "full" ? (event as PrefectEvent & Item) : inBrief(event);
}

/** The store returns the same object for an event that it has already parsed, and callers ask for the newest events repeatedly. */
const briefs = new WeakMap<PrefectEvent, Item>();

/** The run by its name only, which every tool accepts: its id in each row would take a quarter of the tokens. */
function inBrief(event: PrefectEvent): Item {
  const known = briefs.get(event);
  if (known) return known;
  const { flow_run_id, flow_run_name, ...rest } = briefEvent(event);
  const run = flow_run_name ?? flow_run_id;
  const brief = run === undefined ? rest : { ...rest, flow_run: run };
  briefs.set(event, brief);
  return brief;
}

function eventRow(item: Item): Item {
  return withOwner(shortResource(item));
}

/** `prefect.flow-run.Failed` already states the kind of its resource, so that the row needs only the id. */
function shortResource(item: Item): Item {
  const { event, resource_id } = item;
  if (typeof event !== "string" || typeof resource_id !== "string") return item;
  const kind = resource_id.slice(0, resource_id.lastIndexOf(".") + 1);
  return kind !== "" && event.startsWith(kind) ? { ...item, resource_id: resource_id.slice(kind.length) } : item;
}
