import { durationText } from "../../../../lib/duration-text.ts";
import { smallest } from "../../../../lib/lists.ts";
import {
  asName,
  asReason,
  joined,
  own,
  quote,
  type Sentence,
  sentence,
  withoutPeriod,
} from "../../../../lib/shown-text.ts";
import { formatIsoSeconds, formatIsoUs, parseIsoUs } from "../../../../lib/time.ts";
import { truncate } from "../../../../lib/truncate.ts";
import { isFailed } from "../../../../model/state.ts";
import { changeLeads, changeText, differences } from "../../findings/changes.ts";
import { retryRun, runDeployment } from "../../findings/commands.ts";
import { errorLinesEvidence, errorText, frameText, MAX_MESSAGE_CHARS } from "../../findings/error-text.ts";
import { failedSubflows } from "../../findings/failed-subflows.ts";
import { ALL_OF_RUNS, IN_GROUPS, wider } from "../../findings/scopes.ts";
import type { CauseModule, Finding, NamedRun, NextCall, RunError, RunFacts } from "../../findings/types.ts";
import { deploymentOfRun, nameList, plural } from "../../findings/wording.ts";

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
  scopes: IN_GROUPS,
  judge: ({ run, sameError }) => {
    if (run?.run.state_type !== "FAILED") return [];
    const [deepest] = failedSubflows(run).filter((child) => child.run.state_type === "FAILED" && child.error !== null);
    const source = deepest && explainsParent(run, deepest) ? deepest : run;
    const { error } = source;
    if (!error || isTimeout(run)) return [];
    const changes = differences(run);
    const others = otherTasksText(error);
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
    const elsewhere = error.type === null ? "" : sameErrorText(sameError, deploymentOfRun(run));
    const finding: Finding = {
      code: source === run ? (error.type ? "exception" : "failed_state") : "subflow_failed",
      severity: "problem",
      summary: sentence`${asName(run.run.name)}${run.flowName ? sentence` (${asName(run.flowName)})` : ""} failed: ${elsewhere === "" ? errorText(error) : withoutPeriod(errorText(error))}${place}${source === run ? task : ""}${elsewhere}.${where}${others}${logged}${retries}${changeText(changes)}`,
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
        ...(error.others.length > 0 ? { other_failed_tasks: error.others.slice(0, 3) } : {}),
        history: historyText(run),
        ...sameErrorEvidence(sameError),
      },
      fix: elsewhere === "" ? fixOf(run, error, changes) : sharedFix(fixOf(run, error, changes)),
      next: next(source),
      leads: changeLeads(run),
      certainty: error.type ? 1 : 0.8,
      runsExplained: 1,
    };
    return [finding];
  },
};

function otherTasksText({ others }: RunError): Sentence | "" {
  if (others.length === 0) return "";
  const each = others
    .slice(0, 3)
    .map(({ task, type, message }) => sentence`task ${asName(task)} with ${errorText({ type, message })}`);
  return sentence` It also failed in ${joined(each, "; ")}.`;
}

/** A retry keeps the run's parameters: after a wrong parameter the deployment is run again once its parameters are right. */
export function fixOf(run: RunFacts, error: RunError, changes: Record<string, unknown>): Sentence {
  const changed = Object.keys(changes);
  const where = error.frame ? sentence`Check ${frameText(error.frame)}` : own("Read the log and fix the cause");
  const known = knownFix(run, error);
  if (known !== null) return known;
  const isByParameters =
    changed.some((key) => key.startsWith("parameters.")) || PARAMETER_ERROR.test(`${error.type}: ${error.message}`);
  if (isByParameters) {
    const again = run.run.deployment_id
      ? sentence`, correct them in the deployment, then start a new run: ${runDeployment(run.run.deployment_id)}`
      : own(", then start a new run with the right ones.");
    return sentence`${where} and its parameters${again} A retry would keep the parameters of this run.`;
  }
  return sentence`${where}${changed.length > 0 ? " and what changed" : ""}, then retry: ${retryRun(run.run.id)}`;
}

/** What Prefect itself could not find: the text says what to make or to correct. */
function knownFix({ run }: RunFacts, error: RunError): Sentence | null {
  const text = `${error.type ?? ""}: ${error.message} ${run.state?.message ?? ""}`;
  const again = run.deployment_id ? sentence`: ${runDeployment(run.deployment_id)}` : ".";
  const block = NO_BLOCK.exec(text);
  if (block)
    return sentence`Create the block ${asName(`${block[2]}/${block[1]}`)} in this workspace, or correct its name in the flow. To see which there are: prefect block ls. Then retry: ${retryRun(run.id)}`;
  const code = NO_CODE.test(text);
  if (code)
    return sentence`The flow's code is not where the deployment says: correct its entrypoint, path or pull steps, or the image, and deploy it again (prefect deploy). Then start a new run${again}`;
  const module = NO_MODULE.exec(text)?.[1];
  if (module !== undefined)
    return sentence`Install ${asName(module)} where its runs are executed (image, or environment of the worker), then retry: ${retryRun(run.id)}`;
  if (NO_RESULT.test(text))
    return sentence`A stored result is missing where this run looks for it: let all runs use one storage that every worker reaches (PREFECT_DEFAULT_RESULT_STORAGE_BLOCK). Then start a new run${again}`;
  return null;
}

/** https://github.com/PrefectHQ/prefect/blob/main/src/prefect/blocks/core.py (`_get_block_document`) */
const NO_BLOCK = /Unable to find block document named ([\w-]+) for block type ([\w-]+)/;
const NO_CODE =
  /could not be retrieved from deployment|ScriptError|MissingFlowError|No such file or directory: '[^']*\.py'/;
const NO_MODULE = /ModuleNotFoundError: No module named '?([\w.]+)/;
/** https://github.com/PrefectHQ/prefect/blob/main/src/prefect/results.py, filesystems.py (`LocalFileSystem.read_path`) */
const NO_RESULT = /\bMissingResult\b|Path \S*(?:result|storage)\S* does not exist/;

/** https://github.com/PrefectHQ/prefect/blob/main/src/prefect/exceptions.py */
const PARAMETER_ERROR =
  /^(?:ParameterTypeError|ParameterBindError|MissingParameter\w*|SignatureMismatchError|ValidationError)\b|missing \d+ required|unexpected keyword argument|Flow run received invalid parameters/;

/** The same error in other runs: how often, since when, in which deployments. */
export function sameErrorEvidence(sameError: readonly NamedRun[]): object {
  if (sameError.length === 0) return {};
  const ends = sameError.flatMap((one) => parseIsoUs(one.run.end_time ?? "") ?? []);
  const first = ends.length > 0 ? formatIsoUs(smallest(ends)) : null;
  const affected = [...new Set(sameError.map((one) => deploymentOfRun(one) ?? one.flowName ?? "unnamed"))];
  const count = sameError.length;
  return { same_error: { count, first_seen: first, affected: affected.slice(0, 5) } };
}

/** Which other deployments failed with it: what they share is then the cause. */
export function sameErrorText(sameError: readonly NamedRun[], ownName: string | null = null): Sentence | "" {
  const owners = [...new Set(sameError.flatMap((one) => deploymentOfRun(one) ?? []))].filter((one) => one !== ownName);
  const ends = sameError.flatMap((one) => parseIsoUs(one.run.end_time ?? "") ?? []);
  if (owners.length === 0 || ends.length === 0) return "";
  return sentence`; the same error hit ${nameList(owners)} since ${formatIsoSeconds(smallest(ends))}`;
}

/** `own`: what fixes a single run. */
export function sharedFix(own: Sentence | null): Sentence {
  return sentence`Several deployments have it, so look first at what they share: the system that they call, its address, its credentials.${own === null ? "" : sentence` ${own}`}`;
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
  scopes: IN_GROUPS,
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

/** The run completed, but only after a retry. */
export const completedAfterRetry: CauseModule = {
  code: "completed_after_retry",
  scopes: { ...ALL_OF_RUNS, ...wider(own("`retries` judges the retries of many runs, also of those that completed.")) },
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
