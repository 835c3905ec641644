import { z } from "zod";
import { AppError } from "../../errors.ts";
import { durationText } from "../../lib/duration-text.ts";
import { asName, asPlace, lineOf, oneLine, own, quote, type Sentence, sentence } from "../../lib/shown-text.ts";
import { formatIsoSeconds, formatIsoUs, type ServerUs } from "../../lib/time.ts";
import type { PrefectEvent } from "../../model/events/event.ts";
import { withNotes } from "../../model/freshness.ts";
import type { FlowRun } from "../../model/objects.ts";
import { isTerminal } from "../../model/state.ts";
import { withDeploymentNames } from "../../queries/events/deployment-names.ts";
import { briefEvent } from "../../queries/events/event-brief.ts";
import { type WaitResult, waitForEvent, waitForRun } from "../../queries/history/wait.ts";
import { unknownEventName } from "../../queries/names/event-names.ts";
import { resolveName } from "../../queries/names/names.ts";
import { recordedOwner } from "../../queries/names/object-names.ts";
import {
  misspeltStateEvent,
  stateCriterion,
  stateNotes,
  type UnknownState,
  unknownStates,
  unknownStateText,
} from "../../queries/names/state-names.ts";
import type { QueryContext } from "../../queries/source/context.ts";
import { serverNowUs } from "../../queries/source/server-time.ts";
import { answerText, fenced } from "../answer/fenced.ts";
import { dayOf, freshnessFields, freshnessLines } from "../answer/freshness.ts";
import { cellsOf, type Item } from "../answer/table.ts";
import { defineTool, type ToolAnswer } from "../definition/define-tool.ts";
import { eventArgs, readEventArguments } from "../definition/event-shorthands.ts";
import { durationArg, metaOutput, textArg, textsArg } from "../definition/shared-schemas.ts";
import { stateItem } from "../runs/run-items.ts";

const { occurred_before: _, ...events } = eventArgs;

const input = z.strictObject({
  ...events,
  state: textsArg.describe("default: any terminal state"),
  timeout: textArg.describe("30s to 10m, default 50s"),
});

const DEFAULT_MS = 50_000;
const MAX_MS = 600_000;

export const waitForTool = defineTool({
  name: "wait_for",
  title: "Wait for",
  description:
    "Waits until a flow run ends (or reaches state), or, with event_type_prefix, filter or resource, until a matching event occurs. Ends at the timeout with what is known; call again to continue.",
  input,
  output: z.looseObject({
    reached: z.boolean().optional(),
    flow_run: z.looseObject({}).optional(),
    event: z.looseObject({}).optional(),
    ...metaOutput,
  }),
  aliases: {
    flow_run_id: "flow_run",
    run_id: "flow_run",
    since: "occurred_after",
    prefix: "event_type_prefix",
    states: "state",
    timeout_seconds: "timeout",
  },
  isWatching: true,
  async run({ query: ctx, progress }, args) {
    const timeoutMs = readTimeout(args.timeout);
    const total = Math.round(timeoutMs / 1000);
    const options = { timeoutMs, progress: (seconds: number, message: Sentence) => progress(seconds, total, message) };
    const isEvent = [args.event_type_prefix, args.filter, args.resource, args.deployment, args.work_pool].some(
      (value) => value !== undefined,
    );
    if (!isEvent && args.flow_run === undefined) {
      throw new AppError("invalid_input", "wait_for needs a flow_run, or event_type_prefix, filter or resource", {
        hint: 'Such as {"flow_run": "id or name"} or {"event_type_prefix": "prefect.flow-run.Failed"}.',
      });
    }
    if (!isEvent) {
      const { id } = await resolveName(ctx, "flow_run", args.flow_run ?? "");
      const state = args.state && args.state.length > 0 ? stateCriterion(args.state) : {};
      refuseMisspelt(unknownStates(ctx.record(), "flow_run", { state }, []), "state");
      const notesOn = (shown: (string | null)[]) => stateNotes(ctx.record(), "flow_run", { state }, shown);
      for (const note of notesOn([])) options.progress(0, note);
      const waited = await waitForRun(ctx, id, statesOf(state), options);
      const notes = waited.isReached ? [] : notesOn([waited.value.state_name ?? null]);
      return runAnswer(ctx, { ...waited, freshness: withNotes(waited.freshness, notes) }, serverNowUs(ctx));
    }
    if (args.state !== undefined) {
      throw new AppError("invalid_input", "state is for flow runs", {
        hint: "Give only flow_run, or leave out state to wait for an event.",
      });
    }
    const { filter, sinceUs } = await readEventArguments(ctx, args, serverNowUs(ctx));
    const fromUs = sinceUs ?? serverNowUs(ctx);
    const unknown = unknownEventName(ctx, filter);
    if (unknown !== null || ctx.record() === null)
      refuseMisspelt(
        [args.event_type_prefix].flat().flatMap((prefix = "") => misspeltStateEvent(prefix) ?? []),
        "event",
      );
    if (unknown !== null) options.progress(0, unknown);
    const waited = await waitForEvent(ctx, filter, fromUs, options);
    const notes = unknown === null || waited.isReached ? [] : [unknown];
    return eventAnswer(ctx, { ...waited, freshness: withNotes(waited.freshness, notes) }, fromUs, serverNowUs(ctx));
  },
});

/**
 * Throws AppError `invalid_input` for a state that is near a known one: the wait for a misspelt state would last until its timeout. A
 * flow may return a state of any name, so a name that is near no other is waited for.
 */
function refuseMisspelt(states: readonly UnknownState[], argument: "state" | "event"): void {
  const misspelt = states.find(({ near }) => near !== undefined);
  if (misspelt === undefined) return;
  const { name, near = "" } = misspelt;
  const hint =
    argument === "state"
      ? sentence`Give ${asName(near)}. For a state that a flow itself calls ${quote(name)}, wait for its event: flow_run with filter {"event": {"name": ["prefect.flow-run.${asName(name)}"]}}.`
      : sentence`Give ${asName(near)}, or the exact name of the event in filter.event.name.`;
  throw new AppError("invalid_input", unknownStateText(misspelt), { hint });
}

/** Types and names, upper case. */
function statesOf({ type, name }: StateCriterion): string[] {
  return [...(type?.any_ ?? []), ...(name?.any_ ?? [])].map((state) => state.toUpperCase());
}

type StateCriterion = { readonly [K in "type" | "name"]?: { readonly any_?: readonly string[] } };

/** A bare number is seconds. */
function readTimeout(text: string | undefined): number {
  if (text === undefined) return DEFAULT_MS;
  const us = durationArg("timeout", text);
  if (us !== undefined && us > 0 && us <= MAX_MS * 1000) return us / 1000;
  throw new AppError("invalid_input", sentence`argument "timeout": ${quote(text)} is not between 1s and 10m`, {
    hint: 'Such as "45s" or "5m"; longer waits are several calls.',
  });
}

function runAnswer(ctx: QueryContext, waited: WaitResult<FlowRun>, nowUs: ServerUs): ToolAnswer {
  const { value: run, isReached } = waited;
  const flow_run = { id: run.id, name: run.name, ...recordedOwner(ctx.record(), run), ...stateItem(run, nowUs, true) };
  const hasEndedOtherwise = !isReached && isTerminal(run.state_type ?? null);
  const state = asName(run.state_name ?? "unknown");
  const outcome = isReached
    ? sentence`reached: ${state}`
    : hasEndedOtherwise
      ? sentence`will not be reached: it ended as ${state}`
      : sentence`timed out: still ${state}`;
  return answer(waited, { flow_run }, outcome, flow_run, nowUs);
}

function eventAnswer(
  ctx: QueryContext,
  waited: WaitResult<PrefectEvent | null>,
  fromUs: ServerUs,
  nowUs: ServerUs,
): ToolAnswer {
  const briefs: readonly Item[] = waited.value === null ? [] : [{ ...briefEvent(waited.value) }];
  const [event = null] = withDeploymentNames(ctx.record(), briefs);
  const from = formatIsoUs(fromUs);
  const outcome =
    event === null
      ? sentence`timed out: no matching event since ${formatIsoSeconds(fromUs)}`
      : sentence`reached: ${asName(String(event.event))}`;
  return answer(waited, event === null ? { since: from } : { event }, outcome, event, nowUs);
}

function answer(
  waited: WaitResult<unknown>,
  found: Item,
  outcome: Sentence,
  shown: Item | null,
  nowUs: ServerUs,
): ToolAnswer {
  const seconds = Math.round(waited.waitedMs / 100) / 10;
  const structured = {
    reached: waited.isReached,
    outcome,
    waited_seconds: seconds,
    ...found,
    ...freshnessFields(waited.freshness),
  };
  const [head = own(""), ...notes] = freshnessLines(waited.freshness, nowUs);
  const cells = shown ? [...cellsOf(shown, { day: dayOf(nowUs), keepsMillis: true })] : [];
  const text = answerText([
    sentence`${outcome}; waited ${durationText(waited.waitedMs * 1_000)} | ${head}`,
    ...notes,
    shown ? sentence`Undated times: ${asPlace(dayOf(nowUs))} UTC` : null,
    shown ? fenced(cells.map(([name, cell]) => lineOf`${oneLine(name)}: ${cell}`)) : null,
  ]);
  return { structured, text, untrusted: ["flow_run", "event"] };
}
