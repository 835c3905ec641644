/** Combines the arguments, the filter object and the cursor of `read_events` into one question. */
import type { ServerUs } from "../../lib/time.ts";
import type { PrefectEvent } from "../../model/events/event.ts";
import type { EventsQuestion } from "../../queries/events/events.ts";
import { positionOf } from "../../queries/events/events.ts";
import type { QueryContext } from "../../queries/source/context.ts";
import type { CursorValue, Question } from "../answer/cursor.ts";
import { badCursor, decodeCursor, questionIn } from "../answer/cursor.ts";
import { argumentOrFilter, type EventArguments, readEventArguments } from "../definition/event-shorthands.ts";

/** Items without `limit`: about as many as the default token budget fits. */
const DEFAULT_LIMIT = 30;

/** The arguments that decide which events are listed. */
export interface EventListArguments extends EventArguments {
  readonly order?: "asc" | "desc" | undefined;
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
  readonly fresh?: boolean | undefined;
}

export interface ReadEventsCall {
  readonly question: EventsQuestion;
  /** Equal for calls that ask for the same list: binds the cursor to it. */
  readonly fingerprint: Question;
  positionAfter(events: readonly PrefectEvent[], index: number): CursorValue[];
}

/** Throws AppError `invalid_input` for contradictions and bad cursors, and what resolving names throws. */
export async function readEventQuestion(
  ctx: QueryContext,
  args: EventListArguments,
  nowUs: ServerUs,
): Promise<ReadEventsCall> {
  const { filter, order: orderOfFilter, sinceUs, untilUs } = await readEventArguments(ctx, args, nowUs);
  const order = argumentOrFilter("order", args.order, orderOfFilter) ?? "desc";
  const isDistinct = filter.resource?.distinct === true;
  const { event_type_prefix, flow_run, deployment, work_pool, resource, occurred_after, occurred_before } = args;
  const shorthands = { event_type_prefix, flow_run, deployment, work_pool, resource, occurred_after, occurred_before };
  const fingerprint = questionIn(ctx, { tool: "read_events", filter: args.filter, order, ...shorthands });
  const limit = args.limit ?? DEFAULT_LIMIT;
  const base = { filter, order, limit, fresh: args.fresh, nowUs } as const;
  if (args.cursor === undefined) {
    const question = { ...base, sinceUs, untilUs };
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
