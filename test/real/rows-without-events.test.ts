/** Runs that are made, changed and deleted over REST: Prefect emits no events about most of it, and no answer that is complete lacks it. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Product, startProduct, type ToolResult } from "../support/process/product.ts";
import { type RealPrefect, startRealPrefect } from "../support/real-prefect/real-prefect.ts";
import { waitUntil } from "../support/time/wait-until.ts";

interface Run {
  readonly id: string;
  readonly created: string;
}

let prefect: RealPrefect;
let product: Product;
let dataDir: string;
let flowId: string;
let flowRun: Run;

const post = <Answer = Run>(path: string, body: object) => prefect.api<Answer>("POST", path, body);
const makeTask = (key: string) =>
  post("/task_runs/", {
    flow_run_id: flowRun.id,
    name: key,
    task_key: "t",
    dynamic_key: key,
    state: { type: "PENDING" },
  });

async function eventsOf(resource: string): Promise<string[]> {
  const occurred = { since: "2000-01-01T00:00:00Z", until: "2100-01-01T00:00:00Z" };
  const filter = { resource: { id: [resource] }, occurred };
  const { events } = await post<{ events: { event: string }[] }>("/events/filter", { filter });
  return events.map(({ event }) => event).sort();
}

beforeAll(async () => {
  prefect = await startRealPrefect();
  dataDir = mkdtempSync(join(tmpdir(), "rows-without-events-"));
  product = await startProduct({ env: { HOME: dataDir, PREFECT_API_URL: prefect.url, PREFECT_MCP_DATA_DIR: dataDir } });
  flowId = (await post("/flows/", { name: "over-rest" })).id;
  flowRun = await post("/flow_runs/", { flow_id: flowId, name: "host", state: { type: "RUNNING" } });
  await waitUntil(
    "task runs are covered",
    () => product.call("get_record_status"),
    ({ structured }) => (structured.coverage.task_run ?? []).length > 0,
  );
});

afterAll(async () => {
  await product?.[Symbol.asyncDispose]();
  await prefect?.[Symbol.asyncDispose]();
  rmSync(dataDir, { recursive: true, force: true });
});

interface Listed {
  readonly id: string;
  readonly state_type: string;
}

const listed = ({ structured }: ToolResult): readonly Listed[] => structured.task_runs;
const find = (answer: ToolResult, id: string) => listed(answer).find((run) => run.id === id);

/** Asks until the record has it. No answer that is complete up to a later time than `sinceMs` may be without it. */
async function untilRecorded(what: string, sinceMs: number, isSeen: (answer: ToolResult) => boolean): Promise<void> {
  await waitUntil(
    what,
    async () => {
      const answer = await product.call("get_task_runs", { flow_run: flowRun.id });
      const { coverage, source, as_of } = answer.structured;
      const isClaimed = coverage.complete === true && Date.parse(as_of) > sinceMs;
      if (isClaimed) expect([what, source, isSeen(answer)]).toEqual([what, source, true]);
      return answer;
    },
    (answer) => isSeen(answer) && answer.structured.source === "record" && answer.structured.coverage.complete === true,
  );
}

describe("a task run over REST", () => {
  test("is listed, with its states, and no longer once it is deleted", async () => {
    const made = await makeTask("one");
    await untilRecorded("a task run was made", Date.now(), (answer) => find(answer, made.id) !== undefined);
    await post(`/task_runs/${made.id}/set_state`, { state: { type: "COMPLETED" }, force: true });
    await untilRecorded("its state was set", Date.now(), (answer) => find(answer, made.id)?.state_type === "COMPLETED");
    await prefect.api("DELETE", `/task_runs/${made.id}`);
    await untilRecorded("it was deleted", Date.now(), (answer) => find(answer, made.id) === undefined);
    expect(await eventsOf(`prefect.task-run.${made.id}`)).toEqual([]);
  });

  test("is listed with its later state when that is set after the newest task runs are read again", async () => {
    const made = await makeTask("two");
    const ended = await post("/flow_runs/", { flow_id: flowId, name: "late", state: { type: "RUNNING" } });
    const overlapEndsMs = Date.parse(made.created) + 80_000;
    await waitUntil(
      "it is no longer among the newest task runs",
      () => product.call("get_flow_runs", {}).then(() => product.call("get_record_status")),
      ({ structured }) => Date.parse(structured.coverage.task_run.at(-1)?.to ?? "") > overlapEndsMs,
    );
    await post(`/task_runs/${made.id}/set_state`, { state: { type: "RUNNING" }, force: true });
    await untilRecorded("its state was set", Date.now(), (answer) => find(answer, made.id)?.state_type === "RUNNING");
    expect(await eventsOf(`prefect.flow-run.${ended.id}`)).toEqual(["prefect.flow-run.Running"]);
  });
});

test("what else has no event: scheduled runs of a deployment, a changed name and a deletion of a flow run", async () => {
  const schedules = [{ schedule: { interval: 3_600 }, active: true }];
  const deployment = await post("/deployments/", { name: "d", flow_id: flowId, entrypoint: "a:b", schedules });
  const runs = await waitUntil(
    "runs are scheduled",
    () => post<Run[]>("/flow_runs/filter", { flow_runs: { deployment_id: { any_: [deployment.id] } } }),
    (found) => found.length > 0,
  );
  await prefect.api("PATCH", `/flow_runs/${flowRun.id}`, { name: "renamed", tags: ["x"] });
  const gone = await post("/flow_runs/", { flow_id: flowId, name: "gone" });
  await prefect.api("DELETE", `/flow_runs/${gone.id}`);
  await prefect.settled();
  expect(await eventsOf(`prefect.flow-run.${runs[0]?.id}`)).toEqual([]);
  expect(await eventsOf(`prefect.flow-run.${flowRun.id}`)).toEqual(["prefect.flow-run.Running"]);
  expect(await eventsOf(`prefect.flow-run.${gone.id}`)).toEqual(["prefect.flow-run.Pending"]);
});
