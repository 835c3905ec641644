import { durationText } from "../../../../lib/duration-text.ts";
import { asName, asShellWord, joined, own, type Sentence, sentence } from "../../../../lib/shown-text.ts";
import { formatIsoSeconds, MINUTE_US, parseIsoUs, type ServerUs } from "../../../../lib/time.ts";
import type { Json, JsonObject } from "../../../../model/objects.ts";
import { resumeRun, retryRun, setState } from "../../findings/commands.ts";
import { errorText } from "../../findings/error-text.ts";
import { judgeExamined } from "../../findings/merge.ts";
import { ALL_OF_RUNS, wider } from "../../findings/scopes.ts";
import type { CauseModule, Facts, Finding, RunFacts } from "../../findings/types.ts";
import { runName } from "../../findings/wording.ts";

/** The run is scheduled for later: nothing is wrong. Proof: SCHEDULED with a time in the future, by the server clock. */
export const scheduledForLater: CauseModule = {
  code: "scheduled_for_later",
  scopes: {
    ...ALL_OF_RUNS,
    ...wider(own("A run that is due later is no trouble, and its deployment lists it.")),
  },
  judge: ({ run, nowUs }) => {
    if (run?.run.state_type !== "SCHEDULED" || run.run.state_name === "AwaitingRetry") return [];
    const dueUs = parseIsoUs(run.run.next_scheduled_start_time ?? run.run.expected_start_time ?? "");
    if (dueUs === undefined || dueUs <= nowUs) return [];
    return [
      {
        code: "scheduled_for_later",
        severity: "note",
        summary: sentence`${asName(run.run.name)} is scheduled for ${formatIsoSeconds(dueUs)}, in ${durationText(dueUs - nowUs)}: it is not due yet.`,
        evidence: {
          flow_run: { id: run.run.id, name: run.run.name, state: run.run.state_name },
          scheduled_time: formatIsoSeconds(dueUs),
        },
        fix: own("Nothing to do."),
        certainty: 1,
        runsExplained: 1,
      },
    ];
  },
};

/** A process that retries by itself sleeps until then; this much later it would have begun. */
const RETRY_IS_OVERDUE_US = 5 * MINUTE_US;

/**
 * The run failed and waits for its retry. Proof: AwaitingRetry with `state_details.scheduled_time`. A retry of `retry_type`
 * "in_process" is made by the process of the run, which sleeps until then, and no worker is offered it: when it is overdue, that
 * process no longer exists.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/database/sql/sqlite/get-runs-from-worker-queues.sql.jinja
 */
export const awaitingRetry: CauseModule = {
  code: "awaiting_retry",
  scopes: ALL_OF_RUNS,
  judge: (facts) => judgeExamined(facts, judgeRetry, own("wait for their retry")),
};

function judgeRetry(run: RunFacts, { nowUs }: Facts): Finding | null {
  if (run.run.state_name !== "AwaitingRetry") return null;
  const details = run.run.state?.state_details?.scheduled_time;
  const dueUs = parseIsoUs(typeof details === "string" ? details : (run.run.next_scheduled_start_time ?? ""));
  const isInProcess = run.run.empirical_policy?.retry_type === "in_process";
  const isLost = isInProcess && dueUs !== undefined && nowUs - dueUs > RETRY_IS_OVERDUE_US;
  const when =
    dueUs === undefined
      ? ""
      : dueUs > nowUs
        ? sentence` at ${formatIsoSeconds(dueUs)}, in ${durationText(dueUs - nowUs)}`
        : sentence` (due ${durationText(nowUs - dueUs)} ago)`;
  const error =
    run.error && (run.error.type !== null || run.error.message !== "") ? sentence`, after ${errorText(run.error)}` : "";
  const what = isLost
    ? sentence`${runName(run)} will not be retried by itself: its retry was due ${durationText(nowUs - dueUs)} ago and is made by the process of the run (retry_type in_process), which has ended; no worker is offered it${error}.`
    : sentence`${asName(run.run.name)} waits for its retry${when}${error}.`;
  return {
    code: isLost ? "retry_lost" : "awaiting_retry",
    severity: dueUs !== undefined && dueUs > nowUs ? "note" : "problem",
    summary: what,
    evidence: {
      flow_run: { id: run.run.id, name: run.run.name, run_count: run.run.run_count },
      ...(dueUs === undefined ? {} : { retry_at: formatIsoSeconds(dueUs) }),
      ...(isInProcess ? { retry_type: "in_process" } : {}),
      ...(run.error ? { first_error: errorText(run.error), at: run.error.frame } : {}),
    },
    fix: isLost
      ? sentence`Set its state, so that its slots are released: ${setState(run.run.id, "CRASHED")} Then let a worker run it: ${retryRun(run.run.id)}`
      : own(run.error ? "Fix what made it fail, or wait for the retry." : "Wait for the retry."),
    next: [
      {
        tool: "get_flow_run_logs",
        args: { flow_run_id: run.run.id, level: "WARNING" },
        why: own("what failed before the retry"),
      },
    ],
    certainty: isLost ? 0.95 : 1,
    runsExplained: 1,
  };
}

/** Paused or suspended. Proof: PAUSED; with `run_input_keyset` it waits for input from a person. */
export const paused: CauseModule = {
  code: "paused",
  scopes: ALL_OF_RUNS,
  judge: (facts) =>
    [true, false].flatMap((isInput) =>
      judgeExamined(
        facts,
        (run) => {
          const finding = run.run.state_type === "PAUSED" ? judgePause(run, facts.nowUs) : null;
          return finding && (finding.code === "awaiting_input") === isInput ? finding : null;
        },
        own(isInput ? "are paused and wait for input from a person" : "are paused until they are resumed"),
      ),
    ),
};

function judgePause({ run, input }: RunFacts, nowUs: ServerUs): Finding {
  const details = run.state?.state_details ?? {};
  const keyset = details.run_input_keyset ?? null;
  const timeoutUs = typeof details.pause_timeout === "string" ? parseIsoUs(details.pause_timeout) : undefined;
  const isOver = timeoutUs !== undefined && timeoutUs < nowUs;
  const until =
    timeoutUs === undefined
      ? ""
      : isOver
        ? sentence`; its timeout passed ${durationText(nowUs - timeoutUs)} ago`
        : sentence`; it times out at ${formatIsoSeconds(timeoutUs)}, in ${durationText(timeoutUs - nowUs)}`;
  const what = keyset
    ? "waits for input from a person"
    : details.pause_reschedule === true
      ? "is suspended until it is resumed"
      : "is paused until it is resumed";
  const fields = input ? inputFields(input) : [];
  const asks = fields.length > 0 ? sentence` (${joined(fields, ", ")})` : "";
  return {
    code: keyset ? "awaiting_input" : "paused",
    severity: "problem",
    summary: sentence`${asName(run.name)} ${keyset ? "is paused and " : ""}${what}${asks}${until}.`,
    evidence: {
      flow_run: { id: run.id, name: run.name, state: run.state_name },
      ...(keyset ? { input: keyset } : {}),
      ...(input ? { input_schema: { properties: input.properties ?? {}, required: input.required ?? [] } } : {}),
      ...(typeof details.pause_key === "string" ? { pause_key: details.pause_key } : {}),
      ...(timeoutUs === undefined ? {} : { pause_timeout: formatIsoSeconds(timeoutUs) }),
    },
    fix: keyset
      ? sentence`Give the input in the UI, or over the API: prefect api POST /flow_runs/${asShellWord(run.id)}/resume --data ${asShellWord(JSON.stringify({ run_input: exampleInput(input) }))}`
      : sentence`Resume it: ${resumeRun(run.id)}`,
    certainty: 1,
    runsExplained: 1,
  };
}

/** Name and type of each field of the input's JSON schema. */
function inputFields(schema: JsonObject): Sentence[] {
  return Object.entries((schema.properties ?? {}) as JsonObject)
    .slice(0, 6)
    .map(([name, field]) => {
      const type = (field as JsonObject | null)?.type;
      return typeof type === "string" ? sentence`${asName(name)}: ${asName(type)}` : asName(name);
    });
}

/** An input of the right form: the defaults of the schema, else an empty value of each type. */
function exampleInput(schema: JsonObject | null): JsonObject {
  const empty: Readonly<Record<string, Json>> = {
    string: "",
    integer: 0,
    number: 0,
    boolean: false,
    array: [],
    object: {},
  };
  return Object.fromEntries(
    Object.entries((schema?.properties ?? {}) as JsonObject).map(([name, field]) => {
      const { default: value, type } = (field ?? {}) as JsonObject;
      return [name, value ?? (typeof type === "string" ? (empty[type] ?? null) : null)];
    }),
  );
}
