/** The arguments for the window, the names and the resources of events, beside `filter`. */

import { AppError } from "../../errors.ts";
import { asName, type Sentence, sentence } from "../../lib/shown-text.ts";
import { parseIsoUs, type ServerUs } from "../../lib/time.ts";
import type { EventFilter } from "../../model/events/event-filter.ts";
import { resourceId } from "../../model/kinds.ts";
import { parseEventFilter, withEventPrefix, withResource } from "../../queries/events/event-filter.ts";
import { unknownEventName } from "../../queries/names/event-names.ts";
import { resolveName } from "../../queries/names/names.ts";
import { findResourceCondition } from "../../queries/names/resource-names.ts";
import type { QueryContext } from "../../queries/source/context.ts";
import { checkWindow, filterArg, textArg, timeArg } from "./shared-schemas.ts";

/** Members of the input. */
export const eventArgs = {
  event_type_prefix: textArg,
  occurred_after: textArg,
  occurred_before: textArg,
  flow_run: textArg,
  deployment: textArg,
  work_pool: textArg,
  resource: textArg,
  filter: filterArg,
};

export const EVENT_ALIASES = {
  since: "occurred_after",
  until: "occurred_before",
  after: "occurred_after",
  before: "occurred_before",
  flow_run_id: "flow_run",
  prefix: "event_type_prefix",
  event_prefix: "event_type_prefix",
};

export interface EventArguments {
  readonly event_type_prefix?: string | undefined;
  readonly occurred_after?: string | undefined;
  readonly occurred_before?: string | undefined;
  readonly flow_run?: string | undefined;
  readonly deployment?: string | undefined;
  readonly work_pool?: string | undefined;
  readonly resource?: string | undefined;
  readonly filter?: unknown;
}

export interface EventSelection {
  /** Without `occurred` and `order`. */
  readonly filter: EventFilter;
  /** From the filter object. */
  readonly order: "asc" | "desc" | undefined;
  readonly sinceUs: ServerUs | undefined;
  readonly untilUs: ServerUs | undefined;
}

/** Throws AppError `invalid_input` for arguments that contradict each other, and what resolving names throws. */
export async function readEventArguments(
  ctx: QueryContext,
  args: EventArguments,
  nowUs: ServerUs,
): Promise<EventSelection> {
  const { occurred, order, ...rest } = parseEventFilter(args.filter);
  const after = timeArg("occurred_after", args.occurred_after, nowUs);
  const before = timeArg("occurred_before", args.occurred_before, nowUs);
  const sinceUs = argumentOrFilter("occurred_after", after, momentOf(occurred?.since));
  const untilUs = argumentOrFilter("occurred_before", before, momentOf(occurred?.until));
  checkWindow(["occurred_after", "occurred_before"], sinceUs, untilUs);
  const prefix = args.event_type_prefix?.replace(/\*$/, "");
  let filter: EventFilter = prefix === undefined ? rest : withEventPrefix(rest, prefix);
  for (const kind of ["flow_run", "deployment", "work_pool"] as const) {
    const text = args[kind];
    if (text === undefined) continue;
    const { id } = await resolveName(ctx, kind, text);
    filter = withResource(filter, { id: [resourceId(kind, id)] });
  }
  if (args.resource !== undefined) filter = withResource(filter, findResourceCondition(ctx, args.resource));
  return { filter, order: order?.toLowerCase() as EventSelection["order"], sinceUs, untilUs };
}

/** The text of an empty answer. */
export function noEventText(ctx: QueryContext, filter: EventFilter): Sentence {
  const unknown = unknownEventName(ctx, filter);
  return sentence`No event in this window matches.${unknown === null ? "" : sentence` ${unknown}`}`;
}

/** A value that an argument and the filter object can both give. Throws AppError `invalid_input` when they differ. */
export function argumentOrFilter<T>(name: string, one: T | undefined, other: T | undefined): T | undefined {
  if (one !== undefined && other !== undefined && one !== other) {
    throw new AppError("invalid_input", sentence`${asName(name)} and the filter give different values`, {
      hint: "Give it once.",
    });
  }
  return one ?? other;
}

function momentOf(text: string | undefined): ServerUs | undefined {
  return text === undefined ? undefined : parseIsoUs(text);
}
