import { durationText } from "../../../../lib/duration-text.ts";
import { isSameJson } from "../../../../lib/exact-json.ts";
import {
  asName,
  asReason,
  asShellWord,
  joined,
  own,
  quote,
  quoteJson,
  type Sentence,
  sentence,
} from "../../../../lib/shown-text.ts";
import { formatIsoSeconds, formatIsoUs, parseIsoUs } from "../../../../lib/time.ts";
import { truncate } from "../../../../lib/truncate.ts";
import { isFailed } from "../../../../model/state.ts";
import { errorLinesEvidence, errorText, frameText, MAX_MESSAGE_CHARS } from "../../findings/error-text.ts";
import { failedSubflows } from "../../findings/failed-subflows.ts";
import type { CauseModule, Finding, NamedRun, NextCall, RunError, RunFacts } from "../../findings/types.ts";
import { deploymentOfRun, plural } from "../../findings/wording.ts";

/** What differs from the last completed run: each parameter, versions, pool and queue. */
export function differences(run: RunFacts): Record<string, { from: unknown; to: unknown }> {
  const lastCompleted = run.history.find((one) => one.state_type === "COMPLETED");
  if (!lastCompleted) return {};
  const changes: Record<string, { from: unknown; to: unknown }> = {};
  const before = lastCompleted.parameters ?? {};
  const after = run.run.parameters ?? {};
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (!isSameJson(before[key], after[key]))
      changes[`parameters.${key}`] = { from: before[key] ?? null, to: after[key] ?? null };
  }
  for (const key of ["deployment_version", "flow_version", "work_pool_name", "work_queue_name"] as const) {
    if ((lastCompleted[key] ?? null) !== (run.run[key] ?? null))
      changes[key] = { from: lastCompleted[key] ?? null, to: run.run[key] ?? null };
  }
  return changes;
}

function changeText(changes: Record<string, { from: unknown; to: unknown }>): Sentence | "" {
  const entries = Object.entries(changes).slice(0, 3);
  if (entries.length === 0) return "";
  const each = entries.map(
    ([key, { from, to }]) =>
      sentence`${asName(key.replace(/^parameters\./, ""))} ${quoteJson(from, 60)} → ${quoteJson(to, 60)}`,
  );
  return sentence` Changed since the last completed run: ${joined(each, ", ")}.`;
}

/** How the earlier runs ended. */
function historyText(run: RunFacts): Sentence | "" {
  const failures = run.history.filter((one) => isFailed(one.state_type)).length;
  const lastCompleted = run.history.find((one) => one.state_type === "COMPLETED");
  const completedUs = parseIsoUs(lastCompleted?.end_time ?? "");
  if (run.history.length === 0) return "";
  const last =
    completedUs === undefined
      ? own("none of the known earlier runs completed")
      : sentence`last completed run ${asName(lastCompleted?.name ?? "")} at ${formatIsoSeconds(completedUs)}`;
  return failures === 0
    ? last
    : sentence`${failures} of ${plural(run.history.length, "earlier run")} failed too; ${last}`;
}

function next(run: RunFacts): NextCall[] {
  return [
    {
      tool: "get_flow_run_logs",
      args: { flow_run_id: run.run.id, level: "WARNING" },
      why: own("the lines around the error"),
    },
  ];
}

/**
 * The run, or a subflow of it, ended with an exception or returned a Failed state. Proof: the traceback in its log, else its
 * state message. A crash of the process is another cause.
 */
export const failed: CauseModule = {
  code: "exception",
  subjects: ["flow_run"],
  judge: ({ run, sameError }) => {
    if (run?.run.state_type !== "FAILED") return [];
    const [deepest] = failedSubflows(run).filter((child) => child.run.state_type === "FAILED" && child.error !== null);
    const source = deepest && explainsParent(run, deepest) ? deepest : run;
    const { error } = source;
    if (!error || isTimeout(run)) return [];
    const changes = differences(run);
    const place = error.frame ? sentence` in ${frameText(error.frame)}` : "";
    const task = error.task ? sentence`, task ${asName(error.task.name)}` : "";
    const where =
      source === run
        ? ""
        : sentence` It was raised in subflow run ${asName(source.run.name)}${source.flowName ? sentence` (${asName(source.flowName)})` : ""}${task}.`;
    const logged = addsToException(error)
      ? sentence` Its log says: ${quote(error.lines.at(-1)?.message ?? "", 200)}.`
      : "";
    const retries =
      Number(run.run.run_count ?? 1) > 1 ? sentence` It was tried ${asName(String(run.run.run_count))} times.` : "";
    const finding: Finding = {
      code: source === run ? (error.type ? "exception" : "failed_state") : "subflow_failed",
      severity: "problem",
      summary: sentence`${asName(run.run.name)}${run.flowName ? sentence` (${asName(run.flowName)})` : ""} failed: ${errorText(error)}${place}${source === run ? task : ""}.${where}${logged}${retries}${changeText(changes)}`,
      evidence: {
        flow_run: { id: run.run.id, name: run.run.name, ended: run.run.end_time ?? null },
        ...(source === run ? {} : { failed_in: { id: source.run.id, name: source.run.name, flow: source.flowName } }),
        ...(error.task
          ? { task_run: { id: error.task.id, name: error.task.name, run_count: error.task.run_count } }
          : {}),
        exception: error.type,
        message: truncate(error.message, MAX_MESSAGE_CHARS),
        ...(error.frame ? { frame: { ...error.frame } } : {}),
        ...errorLinesEvidence(error),
        ...(Object.keys(changes).length > 0 ? { changed_since_last_good_run: changes } : {}),
        history: historyText(run),
        ...sameErrorEvidence(sameError),
      },
      fix: error.frame
        ? sentence`Check ${frameText(error.frame)}${Object.keys(changes).length > 0 ? " and what changed" : ""}, then retry: prefect flow-run retry ${asShellWord(run.run.id)}`
        : sentence`Read the log, fix the cause, then retry: prefect flow-run retry ${asShellWord(run.run.id)}`,
      next: next(source),
      certainty: error.type ? 1 : 0.8,
      runsExplained: 1,
    };
    return [finding];
  },
};

/** The same error in other runs: how often, since when, in which deployments. */
export function sameErrorEvidence(sameError: readonly NamedRun[]): object {
  if (sameError.length === 0) return {};
  const ends = sameError.flatMap((one) => parseIsoUs(one.run.end_time ?? "") ?? []);
  const first = ends.length > 0 ? formatIsoUs(Math.min(...ends)) : null;
  const affected = [...new Set(sameError.map((one) => deploymentOfRun(one) ?? one.flowName ?? "unnamed"))];
  const count = sameError.length;
  return { same_error: { count, first_seen: first, affected: affected.slice(0, 5) } };
}

/** A failed subflow explains its parent unless the parent raised an exception of its own. */
function explainsParent(run: RunFacts, child: RunFacts): boolean {
  const parent = run.error;
  if (!parent || parent.type === null) return true;
  if (parent.type === child.error?.type) return true;
  return (
    /^(FailedRun|CrashedRun|UnfinishedRun|MissingResult)$/.test(parent.type) || parent.message.includes(child.run.name)
  );
}

/** The last error line says something that the text of the exception does not. */
function addsToException(error: RunError): boolean {
  const last = error.lines.at(-1)?.message ?? "";
  return (
    last !== "" && !error.message.includes(last.slice(0, 60)) && !last.includes(error.message.slice(0, 60) || "\u0000")
  );
}

function isTimeout(run: RunFacts): boolean {
  return run.run.state_name === "TimedOut";
}

/** The run took longer than the timeout of its flow. Proof: state TimedOut. */
export const timedOut: CauseModule = {
  code: "timed_out",
  subjects: ["flow_run"],
  judge: ({ run }) => {
    if (!run || !isTimeout(run)) return [];
    const neverStarted = (run.run.run_count ?? 0) === 0;
    const frame = run.error?.frame;
    const message = truncate(run.run.state?.message ?? "the timeout of its flow was exceeded", 200);
    return [
      {
        code: "timed_out",
        severity: "problem",
        summary: sentence`${asName(run.run.name)} timed out${neverStarted ? " before it started" : ""}: ${asReason(message)}${frame ? sentence`${/[.!?…]$/.test(message) ? "" : "."} It was running ${frameText(frame)}.` : ""}`,
        evidence: {
          flow_run: { id: run.run.id, name: run.run.name, total_run_time: run.run.total_run_time },
          usual_run_time: medianRunTime(run),
          ...(frame ? { frame } : {}),
        },
        fix: own(
          "Find what took so long (a slow dependency, a lock, more data), or raise timeout_seconds of the flow.",
        ),
        next: next(run),
        certainty: 1,
        runsExplained: 1,
      },
    ];
  },
};

function medianRunTime(run: RunFacts): string | null {
  const times = run.history
    .filter((one) => one.state_type === "COMPLETED")
    .map((one) => Number(one.total_run_time ?? 0));
  const sorted = times.sort((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)];
  return middle === undefined ? null : durationText(middle * 1_000_000);
}

/** Cancelled by a person, an automation or a limit. Proof: the message of its state. */
export const cancelled: CauseModule = {
  code: "cancelled",
  subjects: ["flow_run"],
  judge: ({ run }) => {
    if (run?.run.state_type !== "CANCELLED") return [];
    const states = run.events.filter((event) => /^prefect\.flow-run\.Cancel/.test(event.event));
    const messages = states.map((event) => event.resource["prefect.state-message"] ?? "").filter((text) => text !== "");
    const message = messages[0] ?? run.run.state?.message ?? "";
    const atUs = parseIsoUs(run.run.end_time ?? "");
    return [
      {
        code: "cancelled",
        severity: "problem",
        summary: sentence`${asName(run.run.name)} was cancelled${atUs === undefined ? "" : sentence` at ${formatIsoSeconds(atUs)}`}${message === "" ? "; no reason was given" : sentence`: ${asReason(truncate(message, 200))}`}`,
        evidence: {
          flow_run: { id: run.run.id, name: run.run.name },
          messages: messages.slice(0, 3),
          events: states.slice(-2).map((event) => event.id),
        },
        fix: own(
          message.includes("Automation")
            ? "Check the automation that cancelled it."
            : /concurrency limit/i.test(message)
              ? "The deployment's limit was full and its collision strategy is CANCEL_NEW: raise the limit, or let new runs wait with ENQUEUE."
              : "Start it again if it should run: prefect deployment run …",
        ),
        certainty: 1,
        runsExplained: 1,
      },
    ];
  },
};

/** The run completed, but only after a retry. */
export const completedAfterRetry: CauseModule = {
  code: "completed_after_retry",
  subjects: ["flow_run"],
  judge: ({ run }) => {
    if (run?.run.state_type !== "COMPLETED") return [];
    const tasks = run.tasks.filter((task) => Number(task.run_count ?? 0) > 1);
    const isRerun = Number(run.run.run_count ?? 1) > 1;
    if (tasks.length === 0 && !isRerun) return [];
    const what = isRerun
      ? sentence`the run was tried ${asName(String(run.run.run_count))} times`
      : joined(
          tasks
            .slice(0, 3)
            .map((task) => sentence`task ${asName(task.name)} was tried ${asName(String(task.run_count))} times`),
          ", ",
        );
    return [
      {
        code: "completed_after_retry",
        severity: "note",
        summary: sentence`${asName(run.run.name)} completed after a retry: ${what}.`,
        evidence: {
          flow_run: { id: run.run.id, name: run.run.name, run_count: run.run.run_count },
          tasks: tasks.slice(0, 5).map((task) => ({ id: task.id, name: task.name, run_count: task.run_count })),
          ...(run.error ? { first_error: errorText(run.error) } : {}),
        },
        fix: own("Nothing to do. If it happens often, check the first error."),
        certainty: 1,
        runsExplained: 1,
      },
    ];
  },
};
