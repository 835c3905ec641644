/** A preview, and what became of a change, as structured content and as text. */
import type { ChangeResult } from "../../acting/act.ts";
import { VALID_MS } from "../../acting/confirmations.ts";
import type { SettledStep } from "../../acting/effect.ts";
import type { ChangePlan } from "../../acting/plan.ts";
import { durationText } from "../../lib/duration-text.ts";
import {
  asName,
  asPlace,
  counted,
  jsonLine,
  lineOf,
  oneLine,
  own,
  quote,
  type Sentence,
  sentence,
} from "../../lib/shown-text.ts";
import { formatIsoUs } from "../../lib/time.ts";
import type { QueryContext } from "../../queries/source/context.ts";
import { whyNoRecord } from "../../queries/source/no-record.ts";
import { serverNowUs } from "../../queries/source/server-time.ts";
import { answerText, fenced } from "../answer/fenced.ts";
import { freshnessFields, withoutWindow } from "../answer/freshness.ts";
import type { ToolAnswer } from "../definition/define-tool.ts";

interface Called {
  readonly tool: string;
  readonly verb: string;
}

type Preview = Extract<ChangeResult, { kind: "preview" }>;
type Sent = Extract<ChangeResult, { kind: "sent" }>;

/** `isAsked`: the client asks its user, so that the token is not shown. */
export function previewAnswer(ctx: QueryContext, called: Called, preview: Preview, isAsked: boolean): ToolAnswer {
  const { plan, token, reason } = preview;
  const requests = plan.steps.map(({ request: { method, path, body } }) => ({ method, path, body }));
  const notes = [...(reason === null ? [] : [reason]), ...plan.notes];
  const shown = isAsked ? null : token;
  const structured = {
    preview: {
      action: called.verb,
      summary: plan.summary,
      instance: ctx.instance,
      count: plan.steps.length,
      targets: plan.targets,
      requests,
      ...(notes.length > 0 ? { notes } : {}),
      ...(shown === null ? {} : { confirm: shown, expires_in_seconds: VALID_MS / 1000 }),
    },
    ...liveFields(ctx),
  };
  const how =
    shown === null
      ? null
      : sentence`To do it, repeat the call with confirm ${quote(shown)} within ten minutes; it counts once.`;
  return {
    structured,
    text: answerText([
      sentence`Preview, nothing was sent. ${plan.summary} Prefect: ${asPlace(ctx.instance)}`,
      ...notes,
      how,
      fenced([
        ...plan.targets.map(
          ({ kind, id, name, state, ...rest }) =>
            lineOf`${asName(kind)} ${oneLine(name)} ${oneLine(id)}: ${oneLine(state)}${Object.keys(rest).length > 0 ? lineOf` ${jsonLine(rest)}` : ""}`,
        ),
        lineOf`requests:`,
        ...requests.map(({ method, path, body }) => lineOf`${asName(method)} ${oneLine(path)} ${jsonLine(body)}`),
      ]),
    ]),
    untrusted: ["preview"],
  };
}

const OUTCOME_WORDS = {
  done: own("done"),
  refused: own("refused by Prefect"),
  unknown: own("unknown: it was sent, no answer came, and its effect was not seen"),
  not_sent: own("not sent"),
} as const;

export function sentAnswer(ctx: QueryContext, { tool, verb }: Called, { plan, steps, waitedMs }: Sent): ToolAnswer {
  const results = steps.map((step, index) => resultItem(plan, step, index));
  const done = steps.filter(({ outcome }) => outcome === "done").length;
  const unseen = steps.filter((step) => step.outcome === "done" && !isSeen(step)).length;
  const unknown = steps.filter(({ outcome }) => outcome === "unknown").length;
  const missed = steps.filter(
    ({ outcome, effect }) => outcome === "done" && effect?.observation != null && effect.recorded === null,
  ).length;
  const notes: Sentence[] = [
    ...(unseen > 0
      ? [
          sentence`Prefect accepted ${counted(unseen, "request")} whose effect was not complete after ${durationText(waitedMs * 1000)}: the state below is the last one seen; wait_for or a reading tool shows what follows.`,
        ]
      : []),
    ...(unknown > 0
      ? [
          sentence`${counted(unknown, "request")} may still be carried out. Nothing is sent again; read the objects before another call.`,
        ]
      : []),
    ...(missed > 0 ? [notRecorded(ctx, missed, waitedMs)] : []),
  ];
  const isComplete = done === steps.length && unseen === 0;
  const structured = {
    action: verb,
    done,
    of: steps.length,
    complete: isComplete,
    results,
    waited_seconds: Math.round(waitedMs / 100) / 10,
    ...(notes.length > 0 ? { notes } : {}),
    ...liveFields(ctx),
  };
  return {
    structured,
    text: answerText([
      sentence`${asName(tool)} ${asName(verb)}: ${done} of ${counted(steps.length, "request")} done; waited ${durationText(waitedMs * 1000)}.`,
      ...notes,
      fenced(
        results.map(({ name, id, outcome, reached, reason, state, since, recorded_at, recorded_as, created, kind }) => {
          const words = outcome === "done" && reached === false ? own("accepted") : OUTCOME_WORDS[outcome];
          const made =
            created === undefined
              ? ""
              : lineOf`; created ${asName(created.kind)} ${oneLine(created.name)} ${oneLine(created.id)}`;
          const seen =
            state === undefined ? "" : lineOf`; now ${oneLine(state)}${since ? lineOf` since ${oneLine(since)}` : ""}`;
          const recorded =
            recorded_at === undefined
              ? ""
              : recorded_as === "event"
                ? lineOf`, event recorded of ${oneLine(recorded_at)}`
                : lineOf`, seen by the record at ${oneLine(recorded_at)}`;
          return lineOf`${asName(kind)} ${oneLine(name)} ${oneLine(id)}: ${words}${reason ? lineOf` (${oneLine(reason)})` : ""}${made}${seen}${recorded}`;
        }),
      ),
    ]),
    untrusted: ["results"],
  };
}

function notRecorded(ctx: QueryContext, missed: number, waitedMs: number): Sentence {
  const changes = counted(missed, "change");
  if (ctx.record() === null)
    return sentence`${whyNoRecord(ctx)}: ${changes} not looked for in a record; Prefect itself was read.`;
  return sentence`The record has not seen ${changes} within ${durationText(waitedMs * 1000)}; Prefect itself was read.`;
}

function isSeen({ effect }: SettledStep): boolean {
  return effect?.observation?.isReached === true;
}

function resultItem(plan: ChangePlan, { outcome, reason, effect }: SettledStep, index: number) {
  const target = plan.targets[plan.steps[index]?.target ?? 0];
  const { kind = "flow_run", id = "", name = "" } = target ?? {};
  const observation = effect?.observation ?? null;
  return {
    kind,
    id,
    name,
    outcome,
    ...(reason === null ? {} : { reason }),
    ...(observation === null
      ? {}
      : {
          reached: observation.isReached,
          state: observation.state,
          ...(observation.since === null ? {} : { since: observation.since }),
          ...(observation.created ? { created: observation.created } : {}),
        }),
    ...(effect?.recorded ? { recorded_at: effect.recorded.at, recorded_as: effect.recorded.as } : {}),
  };
}

/** The answer is about what Prefect was asked just now. */
function liveFields(ctx: QueryContext): Record<string, unknown> {
  const nowUs = serverNowUs(ctx);
  const fields = freshnessFields({ source: "live", asOfUs: nowUs, coverage: withoutWindow(true, []) });
  return { ...fields, as_of: formatIsoUs(nowUs) };
}
