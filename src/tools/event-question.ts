/** What a call of `read_events` asks: window, order and filter from arguments, filter object and cursor together. */
import { AppError } from "../errors.ts";
import { parseIsoUs } from "../lib/time.ts";
import type { PrefectEvent } from "../model/event.ts";
import type { EventFilter } from "../model/event-filter.ts";
import type { QueryContext } from "../queries/context.ts";
import { parseEventFilter, withEventPrefix, withResource } from "../queries/event-filter.ts";
import type { EventsQuestion } from "../queries/events.ts";
import { positionOf } from "../queries/events.ts";
import { resolveName } from "../queries/names.ts";
import { findResourceCondition } from "../queries/resource-names.ts";
import type { CursorValue } from "./cursor.ts";
import { badCursor, decodeCursor } from "./cursor.ts";
import { checkWindow, momentArg } from "./shapes.ts";

/** Without `limit`: about what the default budget holds. */
const DEFAULT_LIMIT = 30;

/** The arguments that make the question. */
export interface EventArguments {
  readonly event_type_prefix?: string | undefined;
  readonly occurred_after?: string | undefined;
  readonly occurred_before?: string | undefined;
  readonly flow_run?: string | undefined;
  readonly deployment?: string | undefined;
  readonly work_pool?: string | undefined;
  readonly resource?: string | undefined;
  readonly filter?: unknown;
  readonly order?: "asc" | "desc" | undefined;
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
  readonly fresh?: boolean | undefined;
}

export interface EventAsk {
  readonly question: EventsQuestion;
  /** What makes two calls the same question, for cursors. */
  readonly fingerprint: unknown;
  positionAfter(events: readonly PrefectEvent[], index: number): CursorValue[];
}

/** Throws AppError `invalid_input` for contradictions and bad cursors, and what naming things throws. */
export async function readEventQuestion(ctx: QueryContext, args: EventArguments, nowUs: number): Promise<EventAsk> {
  const { occurred, order: filterOrder, ...rest } = parseEventFilter(args.filter);
  const order = agree("order", args.order, filterOrder?.toLowerCase() as EventArguments["order"]) ?? "desc";
  const since = agreeTimes("occurred_after", momentArg("occurred_after", args.occurred_after, nowUs), occurred?.since);
  const until = agreeTimes(
    "occurred_before",
    momentArg("occurred_before", args.occurred_before, nowUs),
    occurred?.until,
  );
  checkWindow(["occurred_after", "occurred_before"], since, until);
  const filter = await withShorthands(ctx, rest, args);
  const isDistinct = filter.resource?.distinct === true;
  const { event_type_prefix, flow_run, deployment, work_pool, resource, occurred_after, occurred_before } = args;
  const shorthands = { event_type_prefix, flow_run, deployment, work_pool, resource, occurred_after, occurred_before };
  const fingerprint = { tool: "read_events", filter: args.filter, order, ...shorthands };
  const limit = args.limit ?? DEFAULT_LIMIT;
  const base = { filter, order, limit, fresh: args.fresh, nowUs } as const;
  if (args.cursor === undefined) {
    const question = { ...base, sinceUs: since, untilUs: until };
    return { question, fingerprint, positionAfter: (events, index) => position(events, index, isDistinct, 0) };
  }
  const [fromUs, toUs, at, id] = decodeCursor(fingerprint, args.cursor);
  if (typeof fromUs !== "number" || typeof toUs !== "number" || typeof at !== "number") throw badCursor("is damaged");
  const place = typeof id === "string" ? { after: { occurredUs: at, id } } : { skip: at };
  return {
    question: { ...base, sinceUs: fromUs, untilUs: toUs, ...place },
    fingerprint,
    positionAfter: (events, index) => position(events, index, isDistinct, isDistinct ? at : 0),
  };
}

function position(events: readonly PrefectEvent[], index: number, isDistinct: boolean, skipped: number): CursorValue[] {
  const last = events[index];
  if (isDistinct || !last) return [skipped + index + 1];
  const { occurredUs, id } = positionOf(last);
  return [occurredUs, id.toLowerCase()];
}

async function withShorthands(ctx: QueryContext, filter: EventFilter, args: EventArguments): Promise<EventFilter> {
  let all =
    args.event_type_prefix === undefined ? filter : withEventPrefix(filter, args.event_type_prefix.replace(/\*$/, ""));
  for (const kind of ["flow_run", "deployment", "work_pool"] as const) {
    const text = args[kind];
    if (text === undefined) continue;
    const { id } = await resolveName(ctx, kind, text);
    all = withResource(all, { id: [`prefect.${kind.replace("_", "-")}.${id}`] });
  }
  return args.resource === undefined ? all : withResource(all, findResourceCondition(ctx, args.resource));
}

function agree<T>(name: string, one: T | undefined, other: T | undefined): T | undefined {
  if (one !== undefined && other !== undefined && one !== other) throw givenTwice(name);
  return one ?? other;
}

function agreeTimes(name: string, us: number | undefined, text: string | undefined): number | undefined {
  return agree(name, us, text === undefined ? undefined : parseIsoUs(text));
}

function givenTwice(name: string): AppError {
  return new AppError("invalid_input", `${name} and the filter say different things`, { hint: "Give it once." });
}
