import { durationText } from "../../../../lib/duration-text.ts";
import { asName, asReason, asShellWord, own, type Sentence, sentence } from "../../../../lib/shown-text.ts";
import { formatIsoSeconds, parseIsoUs, type ServerUs } from "../../../../lib/time.ts";
import { mergeFindings } from "../../findings/merge.ts";
import type { CauseModule, Finding, NamedRun } from "../../findings/types.ts";

/** The run is scheduled for later: nothing is wrong. Proof: SCHEDULED with a time in the future, by the server clock. */
export const scheduledForLater: CauseModule = {
  code: "scheduled_for_later",
  subjects: ["flow_run"],
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

/** The run failed and waits for its retry. Proof: AwaitingRetry with `state_details.scheduled_time`. */
export const awaitingRetry: CauseModule = {
  code: "awaiting_retry",
  subjects: ["flow_run"],
  judge: ({ run, nowUs }) => {
    if (run?.run.state_name !== "AwaitingRetry") return [];
    const details = run.run.state?.state_details?.scheduled_time;
    const dueUs = parseIsoUs(typeof details === "string" ? details : (run.run.next_scheduled_start_time ?? ""));
    const when =
      dueUs === undefined
        ? ""
        : dueUs > nowUs
          ? sentence` at ${formatIsoSeconds(dueUs)}, in ${durationText(dueUs - nowUs)}`
          : sentence` (due ${durationText(nowUs - dueUs)} ago)`;
    const error = run.error ? sentence`, after ${errorText(run.error)}` : "";
    return [
      {
        code: "awaiting_retry",
        severity: dueUs !== undefined && dueUs > nowUs ? "note" : "problem",
        summary: sentence`${asName(run.run.name)} waits for its retry${when}${error}.`,
        evidence: {
          flow_run: { id: run.run.id, name: run.run.name, run_count: run.run.run_count },
          ...(dueUs === undefined ? {} : { retry_at: formatIsoSeconds(dueUs) }),
          ...(run.error ? { first_error: errorText(run.error), at: run.error.frame } : {}),
        },
        fix: own(run.error ? "Fix what made it fail, or wait for the retry." : "Wait for the retry."),
        next: [
          {
            tool: "get_flow_run_logs",
            args: { flow_run_id: run.run.id, level: "WARNING" },
            why: own("what failed before the retry"),
          },
        ],
        certainty: 1,
        runsExplained: 1,
      },
    ];
  },
};

function errorText(error: { type: string | null; message: string }): Sentence {
  const text = asReason(error.message.slice(0, 300));
  return error.type ? sentence`${asName(error.type)}: ${text}` : text;
}

/** Paused or suspended. Proof: PAUSED; with `run_input_keyset` it waits for input from a person. */
export const paused: CauseModule = {
  code: "paused",
  subjects: ["flow_run", "deployment", "work_pool", "workspace"],
  judge: ({ run, active, nowUs }) => {
    const found = (run ? [run] : active)
      .filter((one) => one.run.state_type === "PAUSED")
      .map((one) => ({ one, finding: judgePause(one, nowUs) }));
    const [inputs, others] = [true, false].map((isInput) =>
      found.filter(({ finding }) => (finding.code === "awaiting_input") === isInput),
    );
    return [
      ...mergeFindings(inputs ?? [], own("are paused and wait for input from a person"), GIVE_INPUT),
      ...mergeFindings(
        others ?? [],
        own("are paused until they are resumed"),
        own("Resume each: prefect api POST /flow_runs/<id>/resume"),
      ),
    ];
  },
};

const GIVE_INPUT = own(
  "Give the input in the UI, or resume over the API with run_input that matches the schema stored under the input's schema key.",
);

function judgePause({ run }: NamedRun, nowUs: ServerUs): Finding {
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
  return {
    code: keyset ? "awaiting_input" : "paused",
    severity: "problem",
    summary: sentence`${asName(run.name)} ${keyset ? "is paused and " : ""}${what}${until}.`,
    evidence: {
      flow_run: { id: run.id, name: run.name, state: run.state_name },
      ...(keyset ? { input: keyset } : {}),
      ...(typeof details.pause_key === "string" ? { pause_key: details.pause_key } : {}),
      ...(timeoutUs === undefined ? {} : { pause_timeout: formatIsoSeconds(timeoutUs) }),
    },
    fix: keyset ? GIVE_INPUT : sentence`Resume it: prefect api POST /flow_runs/${asShellWord(run.id)}/resume`,
    certainty: 1,
    runsExplained: 1,
  };
}
