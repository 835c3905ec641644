/** A small random workspace on a real server, created over REST: it contains everything that a filter can ask for. */
import { isAtLeast } from "../support/real-prefect/target.ts";
import { waitUntil } from "../support/time/wait-until.ts";

const AUTOMATION_TAGS_SINCE = "3.4.7";

export type Random = () => number;

export function pick<T>(random: Random, values: readonly T[]): T {
  const value = values[Math.floor(random() * values.length)];
  if (value === undefined) throw new Error("nothing to pick from");
  return value;
}

export function some<T>(random: Random, values: readonly T[], atMost: number): T[] {
  const count = Math.floor(random() * (atMost + 1));
  return [...new Set(Array.from({ length: count }, () => pick(random, values)))];
}

export type Post = (path: string, body: unknown, method?: "POST" | "PATCH" | "DELETE") => Promise<unknown>;

/** Requests to `api` (ends in /api). Throws when the status is not the expected kind. */
export function postTo(api: string): Post {
  return async (path, body, method = "POST") => {
    const ask = async () => {
      const response = await fetch(api + path, {
        method,
        // The server closes idle connections after 5 s, also one on which a call was just sent.
        keepalive: false,
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      const text = await response.text();
      // SQLite under load answers writes with 503.
      if (!response.ok && response.status !== 503)
        throw new Error(`${method} ${path} ${response.status} ${text.slice(0, 400)}`);
      return { status: response.status, text };
    };
    const { text } = await waitUntil(`${method} ${path} is accepted`, ask, ({ status }) => status !== 503);
    return text === "" ? null : JSON.parse(text);
  };
}

export const TAGS = ["prod", "nightly", "db", "Team A", "über", "a,b", "100%"];
export const WORDS = ["load", "Load", "sync_all", "orders", "ORDERS-etl", "100%", "a b", "ärger", "x"];
const STATES = [
  ["SCHEDULED", "Scheduled"],
  ["SCHEDULED", "Late"],
  ["SCHEDULED", "AwaitingRetry"],
  ["PENDING", "Pending"],
  ["PENDING", "Submitting"],
  ["RUNNING", "Running"],
  ["RUNNING", "Waiting for QA. now"],
  ["COMPLETED", "Completed"],
  ["FAILED", "Failed"],
  ["FAILED", "TimedOut"],
  ["CRASHED", "Crashed"],
  ["CANCELLED", "Cancelled"],
  ["CANCELLING", "Cancelling"],
  ["PAUSED", "Paused"],
] as const;

interface Created {
  readonly id: string;
}

/** Fills the workspace. About 350 requests. */
export async function makeWorkspace(post: Post, random: Random): Promise<void> {
  const make = async (path: string, body: unknown) => (await post(path, body)) as Created;
  const stamp = Math.floor(random() * 1e6).toString(36);
  const flows: Created[] = [];
  for (const [index, word] of WORDS.entries()) {
    const name = `${word.replace("%", "")}-${stamp}${index}`;
    flows.push(await make("/flows/", { name, tags: some(random, TAGS, 2) }));
  }
  const pools: string[] = [];
  for (const type of ["process", "kubernetes", "process", "docker"]) {
    const name = `pool ${type} ${pools.length} ${stamp}`;
    await make("/work_pools/", { name, type });
    for (const queue of ["default-2", "Slow", "slow_2"].slice(0, 1 + Math.floor(random() * 3))) {
      await make(`/work_pools/${encodeURIComponent(name)}/queues`, { name: queue });
    }
    pools.push(name);
  }
  const deployments = await makeDeployments(make, random, flows, pools);
  const tasks: Created[] = [];
  for (let index = 0; index < 90; index += 1) await makeRun(make, post, random, { flows, deployments, tasks, index });
  for (let index = 0; index < 12; index += 1) {
    await make("/automations/", {
      name: `${pick(random, WORDS)} ${index}`,
      ...taggedAutomation(some(random, TAGS, 3)),
      enabled: random() < 0.7,
      trigger: { type: "event", expect: ["none.such"], posture: "Reactive", threshold: 1, within: 0 },
      actions: [{ type: "do-nothing" }],
    });
  }
  await removeSome(post, random);
}

/** Older servers refuse tags of automations. */
function taggedAutomation(tags: readonly string[]): { readonly tags?: readonly string[] } {
  return isAtLeast(AUTOMATION_TAGS_SINCE) ? { tags } : {};
}

async function makeDeployments(
  make: (path: string, body: unknown) => Promise<Created>,
  random: Random,
  flows: readonly Created[],
  pools: readonly string[],
): Promise<Created[]> {
  const made: Created[] = [];
  for (let index = 0; index < 14; index += 1) {
    const pool = random() < 0.75 ? { work_pool_name: pick(random, pools) } : {};
    const queue = pool.work_pool_name !== undefined && random() < 0.5 ? { work_queue_name: "default-2" } : {};
    const schedule = { interval: 86_400, anchor_date: "2026-01-01T00:00:00Z", timezone: "UTC" };
    made.push(
      await make("/deployments/", {
        name: `${pick(random, WORDS).replace("%", "")}`,
        flow_id: pick(random, flows.slice(0, 7)).id,
        paused: random() < 0.3,
        // Prefect 3.0 enforces by default, and then refuses runs of a deployment without a schema.
        enforce_parameter_schema: false,
        tags: some(random, TAGS, 3),
        schedules: index < 4 ? [{ active: true, schedule, max_scheduled_runs: 3 }] : [],
        ...pool,
        ...queue,
      }),
    );
  }
  return made;
}

interface Parts {
  readonly flows: readonly Created[];
  readonly deployments: readonly Created[];
  readonly tasks: Created[];
  readonly index: number;
}

async function makeRun(
  make: (path: string, body: unknown) => Promise<Created>,
  post: Post,
  random: Random,
  { flows, deployments, tasks, index }: Parts,
): Promise<void> {
  const [type, name] = pick(random, STATES);
  const offsetS = Math.floor((random() - 0.6) * 400_000);
  const state =
    random() < 0.6
      ? { type: "SCHEDULED", state_details: { scheduled_time: new Date(Date.now() + offsetS * 1000).toISOString() } }
      : { type: "PENDING" };
  const body = {
    name: `${pick(random, WORDS)} ${index % 7}`,
    tags: some(random, TAGS, 3),
    ...(random() < 0.4 ? { idempotency_key: `key-${index % 20}-${index}` } : {}),
    ...(random() < 0.25 && tasks.length > 0 ? { parent_task_run_id: pick(random, tasks).id } : {}),
    ...(random() < 0.9 ? { state } : {}),
  };
  const run =
    random() < 0.5
      ? await make("/flow_runs/", {
          ...body,
          flow_id: pick(random, flows).id,
          ...(random() < 0.5 ? { flow_version: pick(random, ["v1", "v2"]) } : {}),
        })
      : await make(`/deployments/${pick(random, deployments).id}/create_flow_run`, body);
  if (random() < 0.8 && "state" in body) {
    if (random() < 0.5) await post(`/flow_runs/${run.id}/set_state`, { state: { type: "RUNNING" }, force: true });
    await post(`/flow_runs/${run.id}/set_state`, { state: { type, name, message: "set" }, force: true });
  }
  const count = Math.floor(random() * 3);
  for (let nth = 0; nth < count; nth += 1) {
    const task = await make("/task_runs/", {
      name: `${pick(random, WORDS)}-${nth}`,
      task_key: "t",
      dynamic_key: `${index}-${nth}`,
      tags: some(random, TAGS, 2),
      flow_run_id: random() < 0.9 ? run.id : null,
      ...(random() < 0.8 ? { state: { type: "PENDING" } } : {}),
    });
    tasks.push(task);
    if (random() < 0.7) {
      const [taskType, taskName] = pick(random, STATES.slice(3));
      if (random() < 0.6) await post(`/task_runs/${task.id}/set_state`, { state: { type: "RUNNING" }, force: true });
      await post(`/task_runs/${task.id}/set_state`, { state: { type: taskType, name: taskName }, force: true });
    }
  }
}

/** Deletes objects that others refer to. Scheduled runs are not deleted: the scheduler would create them again. */
async function removeSome(post: Post, random: Random): Promise<void> {
  const all = (await post("/flow_runs/filter", { limit: 200, sort: "NAME_ASC" })) as (Created & {
    readonly auto_scheduled: boolean;
  })[];
  const runs = all.filter(({ auto_scheduled }) => !auto_scheduled);
  for (const run of runs) if (random() < 0.05) await post(`/flow_runs/${run.id}`, undefined, "DELETE");
}
