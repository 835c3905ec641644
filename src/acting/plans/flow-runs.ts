/** Changes of flow runs. https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/orchestration/core_policy.py */
import { AppError } from "../../errors.ts";
import { asName, counted, joined, own, quote, type Sentence, sentence } from "../../lib/shown-text.ts";
import type { FlowRun, JsonObject, State } from "../../model/objects.ts";
import { FAILED_TYPES, isTerminal, STATE_TYPES, UNFINISHED_TYPES } from "../../model/state.ts";
import type { PrefectWriter } from "../../prefect/write-api.ts";
import type { ChangePlan, PlanContext, Seed, Step } from "../plan.ts";
import { type RunSelection, selectRuns } from "./run-selection.ts";
import { CREATED_TAG, judgeOrchestration, observeCreated, observeRun, runTarget, stateMessage } from "./runs.ts";

export type FlowRunVerb = "cancel" | "retry" | "rerun" | "resume" | "suspend" | "set_state";

export interface FlowRunChange extends RunSelection {
  readonly action: FlowRunVerb;
  /** For `set_state`: a type of state, and its name where it is another one. */
  readonly to?: string | undefined;
  readonly force?: boolean | undefined;
  /** Stands in the message of the state. */
  readonly message?: string | undefined;
  readonly run_input?: JsonObject | undefined;
}

interface VerbRule {
  /** Runs that are meant where no state is given. */
  readonly states: readonly string[];
  /** Why the run cannot be changed so; null when it can. */
  obstacle(run: FlowRun): Sentence | null;
  readonly words: Sentence;
}

const isDeployed = (run: FlowRun) => typeof run.deployment_id === "string";
const hasEnded = (run: FlowRun) => isTerminal(run.state_type ?? null);
const NO_DEPLOYMENT = own("it has no deployment, and only a worker of one could start it");

const RULES: Readonly<Record<FlowRunVerb, VerbRule>> = {
  cancel: {
    states: UNFINISHED_TYPES,
    obstacle: (run) => (hasEnded(run) ? own("it has ended") : null),
    words: own("Cancel"),
  },
  retry: {
    states: FAILED_TYPES,
    obstacle: (run) => (!hasEnded(run) ? own("it has not ended") : isDeployed(run) ? null : NO_DEPLOYMENT),
    words: own("Retry"),
  },
  rerun: {
    states: FAILED_TYPES,
    obstacle: (run) => (isDeployed(run) ? null : NO_DEPLOYMENT),
    words: own("Run again, with the same parameters as new runs,"),
  },
  resume: {
    states: ["PAUSED"],
    obstacle: (run) => (run.state_type === "PAUSED" ? null : own("it is not paused")),
    words: own("Resume"),
  },
  suspend: {
    states: ["RUNNING"],
    obstacle: (run) =>
      run.state_type !== "RUNNING"
        ? own("it is not running")
        : run.parent_task_run_id
          ? own("it is a subflow")
          : isDeployed(run)
            ? null
            : NO_DEPLOYMENT,
    words: own("Suspend"),
  },
  set_state: { states: [], obstacle: () => null, words: own("Set the state of") },
};

/** `writer` reads the parameters that a new run repeats. */
export async function planFlowRuns(
  ctx: PlanContext,
  change: FlowRunChange,
  writer: PrefectWriter,
): Promise<ChangePlan> {
  const rule = RULES[change.action];
  const to = change.action === "set_state" ? stateOf(change.to) : null;
  const { runs, total, isOne } = await selectRuns(ctx, change, rule.states);
  const judged = runs.map((run) => ({ run, obstacle: rule.obstacle(run) }));
  const able = judged.filter(({ obstacle }) => obstacle === null).map(({ run }) => run);
  const [first] = judged.filter(({ obstacle }) => obstacle !== null);
  if (able.length === 0 && first?.obstacle) throw noneAble(first.run, first.obstacle, isOne);
  const steps = await Promise.all(able.map((run, index) => stepFor(ctx, change, run, index, to, writer)));
  const skipped = judged.filter(({ obstacle }) => obstacle !== null);
  const target = to === null ? "" : sentence` to ${asName(to.name ?? to.type)}`;
  return {
    summary: sentence`${rule.words} ${counted(able.length, "flow run")}${target}.`,
    targets: able.map(runTarget),
    steps,
    notes: [
      ...(total > runs.length
        ? [sentence`Only ${runs.length} of ${counted(total, "matching flow run")} will change.`]
        : []),
      ...(skipped.length > 0
        ? [
            sentence`Left out: ${joined(
              skipped.slice(0, 5).map(({ run, obstacle }) => sentence`${asName(run.name)} (${obstacle ?? ""})`),
              ", ",
            )}${skipped.length > 5 ? sentence` and ${skipped.length - 5} more` : ""}.`,
          ]
        : []),
      ...(change.force === true
        ? [own("force skips Prefect's checks of the transition; no process is stopped by it.")]
        : []),
    ],
    seen: able.map((run) => [run.id, run.state_id ?? null]),
  };
}

function noneAble({ name, id, state_name }: FlowRun, obstacle: Sentence, isOne: boolean): AppError {
  const run = sentence`flow run ${asName(name)} (${asName(id)}), which is ${asName(state_name ?? "unknown")}`;
  const why = isOne
    ? sentence`Not possible for ${run}: ${obstacle}.`
    : sentence`Not possible for any of them; ${run}: ${obstacle}.`;
  return new AppError("invalid_input", why, { hint: "get_flow_runs shows the present states. Nothing was sent." });
}

interface NewState {
  readonly type: string;
  readonly name?: string;
}

/** A type of state, or `TYPE:Name`. */
function stateOf(text: string | undefined): NewState {
  const [head = "", ...rest] = (text ?? "").split(":");
  const [type, name] = [head.trim(), rest.join(":").trim()];
  const known = STATE_TYPES.find((one) => one === type.toUpperCase());
  if (known) return { type: known, ...(name ? { name } : {}) };
  throw new AppError("invalid_input", sentence`argument "to": ${quote(text ?? "")} is not a state`, {
    hint: sentence`Give one of ${asName(STATE_TYPES.join(", "))}, with a name after a colon where it has another one ("SCHEDULED:AwaitingRetry").`,
  });
}

async function stepFor(
  { live, seed }: PlanContext,
  change: FlowRunChange,
  run: FlowRun,
  target: number,
  to: NewState | null,
  writer: PrefectWriter,
): Promise<Step> {
  if (change.action === "rerun") {
    const copy = await writer.readForCopy(`/flow_runs/${run.id}`, live.options());
    return rerunStep(seed, run, copy, target);
  }
  const before = run.state_id ?? null;
  const expect = (isWanted: (state: State) => boolean, isDoneBySetting: boolean): Step["observe"] => {
    return (reader) => observeRun(reader, run.id, { before, seed, isWanted, isDoneBySetting });
  };
  if (change.action === "resume") {
    const body: JsonObject = change.run_input === undefined ? {} : { run_input: change.run_input };
    return {
      request: { method: "POST", path: `/flow_runs/${run.id}/resume`, body },
      target,
      judge: (answer) => judgeOrchestration(answer, ["RUNNING", "SCHEDULED"]),
      observe: expect((state) => state.type !== "PAUSED" && state.id !== before, true),
    };
  }
  const { state, wanted, isDoneBySetting } = stateFor(change, seed, to);
  const force = change.force === true ? { force: true } : {};
  return {
    request: { method: "POST", path: `/flow_runs/${run.id}/set_state`, body: { state, ...force } },
    target,
    judge: (answer) => judgeOrchestration(answer, wanted),
    observe: expect((one) => one.id !== before && wanted.includes(one.type), isDoneBySetting),
  };
}

interface StateChange {
  readonly state: JsonObject;
  /** Types of states by which the change is done. */
  readonly wanted: readonly string[];
  readonly isDoneBySetting: boolean;
}

function stateFor({ action, message: note }: FlowRunChange, seed: Seed, to: NewState | null): StateChange {
  switch (action) {
    case "cancel": {
      const message = stateMessage("Cancelled", seed, note);
      return {
        state: { type: "CANCELLING", name: "Cancelling", message },
        wanted: ["CANCELLED"],
        isDoneBySetting: false,
      };
    }
    case "retry": {
      // The same run is scheduled again; its completed tasks with a persisted result are not repeated.
      const message = stateMessage("Retried", seed, note);
      return {
        state: { type: "SCHEDULED", name: "AwaitingRetry", message },
        wanted: ["SCHEDULED"],
        isDoneBySetting: true,
      };
    }
    case "suspend": {
      const message = stateMessage("Suspended", seed, note);
      const state_details = { pause_reschedule: true };
      return {
        state: { type: "PAUSED", name: "Suspended", message, state_details },
        wanted: ["PAUSED"],
        isDoneBySetting: true,
      };
    }
    default: {
      const message = stateMessage("Set", seed, note);
      const { type = "", name } = to ?? {};
      return { state: { type, ...(name ? { name } : {}), message }, wanted: [type], isDoneBySetting: true };
    }
  }
}

/** A new run of the same deployment. Members that the original has not are left to the deployment. */
function rerunStep(seed: Seed, run: FlowRun, copy: JsonObject, target: number): Step {
  const { parameters, job_variables, tags, work_queue_name } = copy;
  const key = `${CREATED_TAG}-${seed.id}-${target}`;
  const isSet = (value: unknown) => value !== null && value !== undefined;
  const all = [...new Set([...(Array.isArray(tags) ? (tags as string[]) : []), CREATED_TAG])];
  const body: JsonObject = {
    parameters: parameters ?? {},
    tags: all,
    idempotency_key: key,
    ...(isSet(job_variables) && Object.keys(job_variables as object).length > 0
      ? { job_variables: job_variables as JsonObject }
      : {}),
    ...(typeof work_queue_name === "string" && typeof copy.work_pool_name === "string" ? { work_queue_name } : {}),
  };
  return {
    request: { method: "POST", path: `/deployments/${run.deployment_id}/create_flow_run`, body },
    target,
    observe: (live, answer) => observeCreated(live, answer, key),
  };
}
