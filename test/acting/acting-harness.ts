/** The acting tools on a fake Prefect whose objects change as Prefect would change them, one case for each verb. */
import { type Acting, toChangeAccess } from "../../src/acting/access.ts";
import { createConfirmations } from "../../src/acting/confirmations.ts";
import { AppError } from "../../src/errors.ts";
import type { LiveBatch } from "../../src/model/events/live-batch.ts";
import type { JsonObject, State } from "../../src/model/objects.ts";
import { ALL_PERMISSIONS, type Permission } from "../../src/model/verbs.ts";
import type { WriteOutcome, WriteRequest } from "../../src/prefect/write-api.ts";
import { withLimits } from "../../src/queries/source/context.ts";
import { inTransaction } from "../../src/store/database.ts";
import { upsertObjects } from "../../src/store/objects/objects.ts";
import { everyTool } from "../../src/tools/index.ts";
import {
  aConcurrencyLimit,
  aDeployment,
  aFlowRun,
  anAutomation,
  anId,
  aState,
  aTaskRun,
  aWorkPool,
} from "../support/builders.ts";
import { callWith } from "../support/call-tool.ts";
import { openToolHarness, type ToolHarness } from "../support/tool-harness.ts";

/** What becomes of a request. `lost_after` and `lost_before`: no answer, and Prefect did or did not carry it out. */
export type Fate = "answered" | "lost_after" | "lost_before" | "not_sent";

export interface ActingHarness extends AsyncDisposable {
  readonly harness: ToolHarness;
  readonly sent: WriteRequest[];
  readonly notes: { phase: string; change: string; summary: string }[];
  fate: Fate;
  /** Its waits take no real time. */
  call(tool: string, args: object, options?: Parameters<typeof callWith>[3]): Promise<Called>;
}

interface Called {
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into answers of every shape.
  readonly structured: any;
  readonly text: string;
}

type Objects = ToolHarness["fake"]["workspace"];

export interface ActingCase {
  readonly permission: Permission;
  readonly args: object;
  arrange?(objects: Objects): void;
}

const RUN = anId(9_001);
const DEPLOYMENT = anId(9_002);
const LIMIT = anId(9_003);
const AUTOMATION = anId(9_004);

export { DEPLOYMENT, LIMIT, RUN };

const withRun = (state_type: "SCHEDULED" | "RUNNING" | "FAILED" | "PAUSED") => (objects: Objects) => {
  const state = aState({ type: state_type });
  objects.flowRuns.push(
    aFlowRun({ id: RUN, name: "night-run", state_type, state, state_id: state.id ?? null, deployment_id: DEPLOYMENT }),
  );
  objects.flowRunStates.set(RUN, [state]);
};
const withDeployment = (paused: boolean) => (objects: Objects) =>
  void Object.assign(row(objects.deployments, DEPLOYMENT), { paused });
const withLimit = (name: string, active_slots: number) => (objects: Objects) =>
  void objects.concurrencyLimits.push(aConcurrencyLimit({ id: LIMIT, name, limit: 2, active_slots }));
const ofRun = (action: string, state: Parameters<typeof withRun>[0], more: object = {}): ActingCase => ({
  permission: `change_flow_run.${action}`,
  args: { action, flow_run: RUN, ...more },
  arrange: withRun(state),
});

export const DEFINITION = {
  name: "pause on failure",
  trigger: {
    type: "event",
    posture: "Reactive",
    expect: ["prefect.flow-run.Failed"],
    match: { "prefect.resource.id": "prefect.flow-run.*" },
    for_each: [],
    threshold: 1,
    within: 0,
  },
  actions: [{ type: "do-nothing" }],
};

export const CASES: readonly ActingCase[] = [
  { permission: "run_deployment.run", args: { deployment: DEPLOYMENT } },
  { permission: "run_deployment.backfill", args: { deployment: DEPLOYMENT, backfill: { day: ["monday"] } } },
  ofRun("cancel", "SCHEDULED"),
  ofRun("retry", "FAILED"),
  ofRun("rerun", "FAILED"),
  ofRun("resume", "PAUSED"),
  ofRun("suspend", "RUNNING"),
  ofRun("set_state", "RUNNING", { to: "CRASHED:Lost" }),
  { permission: "change_schedule.pause", args: { action: "pause", deployment: DEPLOYMENT } },
  {
    permission: "change_schedule.resume",
    args: { action: "resume", deployment: DEPLOYMENT },
    arrange: withDeployment(true),
  },
  { permission: "change_work_pool.pause", args: { action: "pause", work_pool: "pool" } },
  {
    permission: "change_work_pool.resume",
    args: { action: "resume", work_pool: "pool" },
    arrange: ({ workPools }) => void Object.assign(workPools[0] ?? {}, { is_paused: true }),
  },
  { permission: "change_work_pool.limit", args: { action: "limit", work_pool: "pool", limit: 7 } },
  {
    permission: "change_concurrency_limit.limit",
    args: { action: "limit", name: "db", limit: 4 },
    arrange: withLimit("db", 0),
  },
  {
    permission: "change_concurrency_limit.free",
    args: { action: "free", deployment: DEPLOYMENT },
    arrange: withLimit(`deployment:${DEPLOYMENT}`, 2),
  },
  {
    permission: "change_automation.enable",
    args: { action: "enable", automation: AUTOMATION },
    arrange: ({ automations }) => void automations.push(anAutomation({ id: AUTOMATION, name: "off", enabled: false })),
  },
  {
    permission: "change_automation.disable",
    args: { action: "disable", automation: AUTOMATION },
    arrange: ({ automations }) => void automations.push(anAutomation({ id: AUTOMATION, name: "on", enabled: true })),
  },
  { permission: "change_automation.create", args: { action: "create", definition: DEFINITION } },
];

/** `record`: there is a record, and what is handed over is written to it, or is not. */
export async function openActingHarness(record: "none" | "written" | "not written" = "none"): Promise<ActingHarness> {
  const harness = await openToolHarness({ record: record !== "none" });
  const objects = harness.fake.workspace;
  const clock = {
    ...harness.query.clock,
    sleep: async (ms: number) => {
      harness.nowUs += Math.round(ms * 1000);
    },
  };
  const confirmations = createConfirmations({ steadyMs: () => harness.query.clock.steadyMs() });
  const sent: WriteRequest[] = [];
  const notes: ActingHarness["notes"] = [];
  const api = harness.query.api();
  const acting: Acting = {
    writer: () => ({
      url: harness.fake.url,
      readForCopy: async (path, options) => (await api.get(path, options)) as JsonObject,
      async send(request): Promise<WriteOutcome> {
        sent.push(request);
        if (self.fate === "not_sent") return { kind: "not_sent", error: new AppError("unavailable", "no connection") };
        if (self.fate === "lost_before") return { kind: "unknown", error: new AppError("unavailable", "no answer") };
        const answer = carriedOut(objects, request);
        if (self.fate === "lost_after") return { kind: "unknown", error: new AppError("unavailable", "no answer") };
        return { kind: "answered", answer };
      },
    }),
    allowed: new Set(ALL_PERMISSIONS),
    confirmations,
    tenant: "one",
    note: ({ phase, change, summary }) => void notes.push({ phase, change, summary }),
  };
  const self: ActingHarness = {
    harness,
    sent,
    notes,
    fate: "answered",
    async call(name, args, options = {}) {
      const tool = everyTool().find((one) => one.name === name);
      if (!tool) throw new Error(`no tool ${name}`);
      const saveLive = (batch: LiveBatch) => {
        if (record === "written" && "isWhole" in batch)
          inTransaction(
            harness.db,
            () => void upsertObjects(harness.db, batch.kind, batch.rows, batch.readUs, batch.isWhole),
          );
      };
      const query = { ...withLimits(harness.query, {}), clock, saveLive, changes: toChangeAccess(acting) };
      const { structuredContent, content } = await callWith(query, tool, args, options);
      return { structured: structuredContent, text: content.map(({ text }) => text).join("\n") };
    },
    [Symbol.asyncDispose]: () => harness[Symbol.asyncDispose](),
  };
  objects.deployments.push(
    aDeployment({ id: DEPLOYMENT, name: "nightly", paused: false, parameter_openapi_schema: {} }),
  );
  objects.workPools.push(aWorkPool({ name: "pool", is_paused: false }));
  return self;
}

function row<Row extends { readonly id: string }>(rows: readonly Row[], id: string): Row {
  const found = rows.find((one) => one.id === id);
  if (!found) throw new Error(`no object ${id}`);
  return found;
}

/** Prefect's answer, after the change was made. */
function carriedOut(objects: Objects, { method, path, body }: WriteRequest): unknown {
  const [, kind = "", id = "", action = ""] = /^\/((?:v2\/)?\w+)\/([^/]*)(?:\/(\w+))?/.exec(path) ?? [];
  switch (`${method} ${kind} ${action}`) {
    case "POST deployments create_flow_run": {
      const { flow_id } = row(objects.deployments, id);
      const isSame = (one: JsonObject) => one.idempotency_key === body.idempotency_key && one.flow_id === flow_id;
      const before = objects.flowRuns.find((one) => isSame(one as unknown as JsonObject));
      if (before) return before;
      const run = aFlowRun({ deployment_id: id, state_type: "SCHEDULED", ...body, flow_id: flow_id ?? anId() });
      objects.flowRuns.push(run);
      return run;
    }
    case "POST flow_runs set_state":
    case "POST flow_runs resume": {
      const given = (body.state ?? { type: "SCHEDULED", name: "Resuming" }) as unknown as State;
      const type = given.type === "CANCELLING" ? "CANCELLED" : given.type;
      const state = aState({ ...given, id: anId(), type });
      objects.flowRunStates.set(id, [...(objects.flowRunStates.get(id) ?? []), state]);
      Object.assign(row(objects.flowRuns, id), { state, state_id: state.id, state_type: type });
      return { status: "ACCEPT", state, details: {} };
    }
    case "POST deployments pause_deployment":
    case "POST deployments resume_deployment":
      Object.assign(row(objects.deployments, id), { paused: action === "pause_deployment" });
      return null;
    case "PATCH work_pools ":
      Object.assign(objects.workPools.find(({ name }) => name === id) ?? {}, body);
      return null;
    case "PATCH v2/concurrency_limits ":
      Object.assign(row(objects.concurrencyLimits, id), body);
      return null;
    case "POST concurrency_limits ": {
      if (body.tag !== undefined) {
        const made = objects.concurrencyLimits.find(({ name }) => name === `tag:${body.tag}`);
        Object.assign(made ?? {}, { limit: body.concurrency_limit });
        return made;
      }
      const tag = String((body.names as string[])[0]);
      objects.tagHolders.set(
        tag,
        (objects.tagHolders.get(tag) ?? []).filter((one) => one !== body.task_run_id),
      );
      const limit = objects.concurrencyLimits.find(({ name }) => name === `tag:${tag}`);
      Object.assign(limit ?? {}, { active_slots: Number(limit?.active_slots ?? 0) - 1 });
      return [];
    }
    case "PATCH automations ":
      Object.assign(row(objects.automations, id), body);
      return null;
    case "POST automations ": {
      const made = anAutomation({ ...(body as object), id: anId() });
      objects.automations.push(made);
      return made;
    }
    default:
      throw new Error(`no effect of ${method} ${path}`);
  }
}

/** A tag limit of 3 slots, all taken: by a task in progress, by one that has ended, and by no run at all. */
export function withLeakedTagLimit(objects: Objects): { readonly dead: string } {
  const [alive, dead] = [anId(9_101), anId(9_102)];
  objects.flowRuns.push(aFlowRun({ id: anId(9_103), state_type: "RUNNING" }));
  objects.taskRuns.push(
    aTaskRun({ id: alive, name: "copy", flow_run_id: anId(9_103), state_type: "RUNNING" }),
    aTaskRun({ id: dead, name: "load", flow_run_id: anId(9_103), state_type: "CRASHED" }),
  );
  objects.concurrencyLimits.push(aConcurrencyLimit({ id: LIMIT, name: "tag:db", limit: 3, active_slots: 3 }));
  objects.tagHolders.set("db", [alive, dead]);
  return { dead };
}
