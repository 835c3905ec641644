import { asName, asReason, own, quote, type Sentence, sentence, withoutPeriod } from "../../../../lib/shown-text.ts";
import { truncate } from "../../../../lib/truncate.ts";
import { changeLeads } from "../../findings/changes.ts";
import { runDeployment } from "../../findings/commands.ts";
import { errorLinesEvidence, errorText, frameText } from "../../findings/error-text.ts";
import { failedSubflows } from "../../findings/failed-subflows.ts";
import { IN_GROUPS } from "../../findings/scopes.ts";
import type { CauseModule, NextCall, RunFacts } from "../../findings/types.ts";
import { sameErrorEvidence } from "./failed.ts";

const STATUS_CODE = /status code:? (-?\d+)/i;
const EXECUTED = "prefect.worker.executed-flow-run";
const CODE_LABEL = "prefect.infrastructure.status-code";
/** Events of what observes infrastructure. */
export const INFRASTRUCTURE = /^prefect\.(kubernetes\.pod|docker\.container|ecs\.task)\./;

/** The meaning of an exit code of a process or container. https://man7.org/linux/man-pages/man7/signal.7.html */
export function exitCodeMeaning(code: number): { meaning: Sentence; isMemory: boolean } {
  if (code === 137 || code === -9)
    return { meaning: own("killed (SIGKILL), most often because it ran out of memory"), isMemory: true };
  if (code === 143 || code === -15)
    return { meaning: own("terminated (SIGTERM): the worker or its host was shut down or scaled in"), isMemory: false };
  if (code === 139 || code === -11) return { meaning: own("segmentation fault in native code"), isMemory: false };
  if (code === 134 || code === -6) return { meaning: own("aborted (SIGABRT)"), isMemory: false };
  if (code === 130 || code === -2) return { meaning: own("interrupted (SIGINT)"), isMemory: false };
  if (code === 127) return { meaning: own("the command was not found in the image or environment"), isMemory: false };
  if (code === 126) return { meaning: own("the command could not be executed"), isMemory: false };
  if (code === 125) return { meaning: own("the container could not be started"), isMemory: false };
  if (code === -1073741502 || code === 247)
    return { meaning: own("ended by the system, often because memory ran out"), isMemory: true };
  if (code === 1) return { meaning: own("the process exited with an error"), isMemory: false };
  return { meaning: own("the process ended abnormally"), isMemory: false };
}

export interface Crash {
  readonly code: number | null;
  readonly diagnosis: string | null;
  readonly worker: string | null;
}

/** From the state message, and from events of the worker and of infrastructure observers. */
export function crashOf(run: RunFacts): Crash {
  const executed = run.events.findLast((event) => event.event === EXECUTED);
  const label = executed?.related.map((one) => one[CODE_LABEL]).find((value) => value !== undefined);
  const codeOfState = STATUS_CODE.exec(run.run.state?.message ?? "")?.[1];
  const text = codeOfState ?? (label !== undefined && label !== "0" ? label : undefined);
  const observed = run.events.findLast(
    (event) => INFRASTRUCTURE.test(event.event) && /evicted|failed|exited|dead|stopped/.test(event.event),
  );
  const diagnosis = observed?.resource["kubernetes.diagnosis"] ?? observed?.resource["kubernetes.reason"] ?? null;
  const code = text === undefined ? null : Number(text);
  return {
    code: Number.isInteger(code) ? code : null,
    diagnosis,
    worker: executed?.resource["prefect.resource.name"] ?? null,
  };
}

/**
 * The process or container ended unexpectedly. Proof: state type CRASHED, with the exit code from the state message or from the
 * worker's event. Exit code 1 alone explains nothing: the last error line of the log is quoted.
 */
export const crashed: CauseModule = {
  code: "crashed",
  scopes: IN_GROUPS,
  judge: ({ run, sameError }) => {
    if (!run) return [];
    const crashedSubflow = failedSubflows(run).find((child) => child.run.state_type === "CRASHED");
    const source =
      run.run.state_type === "CRASHED" ? run : run.run.state_type === "FAILED" ? crashedSubflow : undefined;
    if (!source) return [];
    const crash = crashOf(source);
    const exit = crash.code === null ? null : exitCodeMeaning(crash.code);
    const { error } = source;
    const isMemory = exit?.isMemory === true || /oom|out ?of ?memory/i.test(crash.diagnosis ?? "");
    const message = source.run.state?.message ?? "";
    const why = crashReason(source);
    const subject =
      source === run
        ? sentence`${asName(run.run.name)}${run.flowName ? sentence` (${asName(run.flowName)})` : ""} crashed`
        : sentence`${asName(run.run.name)} failed because ${asName(source.run.name)}${source.flowName ? sentence` (${asName(source.flowName)})` : ""}, which it waited for, crashed`;
    const neverStarted = (source.run.run_count ?? 0) === 0 ? " It never started its flow." : "";
    return [
      {
        code: isMemory ? "out_of_memory" : source === run ? "crashed" : "subflow_crashed",
        severity: "problem",
        summary: sentence`${subject}: ${why}${neverStarted}`,
        evidence: {
          flow_run: { id: run.run.id, name: run.run.name, ended: run.run.end_time ?? null },
          ...(source === run ? {} : { crashed_run: { id: source.run.id, name: source.run.name } }),
          state_message: truncate(message, 300),
          exit_code: crash.code,
          ...(crash.worker ? { worker: crash.worker } : {}),
          ...(crash.diagnosis ? { infrastructure: crash.diagnosis } : {}),
          ...(error
            ? {
                ...(error.type ? { exception: errorText(error), frame: error.frame } : {}),
                ...errorLinesEvidence(error),
              }
            : {}),
          ...sameErrorEvidence(sameError),
        },
        fix: crashFix(source),
        next: next(source),
        leads: changeLeads(run),
        certainty: exit || crash.diagnosis ? 1 : 0.9,
        runsExplained: 1,
      },
    ];
  },
};

/** As container runtimes and Kubernetes word it: https://kubernetes.io/docs/concepts/containers/images/#imagepullbackoff */
const IMAGE =
  /ErrImagePull|ImagePullBackOff|InvalidImageName|manifest (?:unknown|for)|pull access denied|could not be pulled|failed to pull image|no such image/i;

export function crashFix(run: RunFacts): Sentence {
  const crash = crashOf(run);
  const isMemory =
    (crash.code !== null && exitCodeMeaning(crash.code).isMemory) || /oom|out ?of ?memory/i.test(crash.diagnosis ?? "");
  if (isMemory)
    return own(
      "Give it more memory (job variables, container limit) or make it need less (smaller batches); then retry.",
    );
  if (crash.code === 143 || crash.code === -15)
    return own("Find out why the worker or its host was stopped; then retry.");
  const { deployment_id } = run.run;
  const again = sentence`, then start a new run${deployment_id ? sentence`: ${runDeployment(deployment_id)}` : "."}`;
  const texts = [run.run.state?.message, crash.diagnosis, ...(run.error?.lines ?? []).map(({ message }) => message)];
  if (texts.some((text) => IMAGE.test(text ?? "")))
    return sentence`Correct the image of the deployment or its work pool (job variable image: name, tag, credentials of the registry)${again}`;
  if (crash.code !== null && [125, 126, 127].includes(crash.code))
    return sentence`Correct the image, the command or the environment of the deployment or its work pool${again}`;
  if (crash.code !== null && [139, 134, -11, -6].includes(crash.code))
    return sentence`Look for a native library of the flow that changed or does not fit the machine, and pin its version${again}`;
  return own("Fix what the error line reports. Without one, read the worker's own log and check the infrastructure.");
}

/** Why it crashed, as one or more sentences without a subject: the exit code, what the infrastructure reports, the last error line. */
export function crashReason(run: RunFacts): Sentence {
  const crash = crashOf(run);
  const exit = crash.code === null ? null : exitCodeMeaning(crash.code);
  const isMemory = exit?.isMemory === true || /oom|out ?of ?memory/i.test(crash.diagnosis ?? "");
  const { error } = run;
  const logText = error && (error.type !== null || error.lines.length > 0) && !isMemory ? logTextOf(run) : "";
  const message = run.run.state?.message ?? "";
  const why = exit
    ? sentence`exit code ${crash.code ?? 0}: ${exit.meaning}`
    : asReason(truncate(message === "" ? "its process was lost" : message, 200));
  const reason = crash.diagnosis ? sentence` The infrastructure reports: ${asReason(crash.diagnosis)}.` : "";
  return sentence`${withoutPeriod(why)}.${reason}${logText}`;
}

function logTextOf(run: RunFacts): Sentence | "" {
  const { error } = run;
  if (!error) return "";
  if (error.type)
    return sentence` Its log shows ${errorText(error)}${error.frame ? sentence` in ${frameText(error.frame)}` : ""}.`;
  const last = error.lines.at(-1);
  return last ? sentence` Its last error line: ${quote(last.message, 200)}.` : "";
}

function next(run: RunFacts): NextCall[] {
  return [
    { tool: "get_flow_run_logs", args: { flow_run_id: run.run.id }, why: own("the last lines before the crash") },
  ];
}
