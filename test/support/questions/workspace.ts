/** What the questions that only a record answers are asked about, on a real Prefect: flows that ran, and deployments with schedules. */
import type { JsonObject } from "../../../src/model/objects.ts";
import type { RealPrefect } from "../real-prefect/real-prefect.ts";
import { waitUntil } from "../time/wait-until.ts";

export interface QuestionsWorkspace {
  /** Runs of the flow `orders`, oldest first: three completed, then one failed. */
  readonly good: readonly string[];
  readonly bad: string;
  /** Deployments of the flow `planned` by name, with their schedule. */
  readonly deployments: ReadonlyMap<string, { readonly id: string; readonly schedule: JsonObject }>;
}

/** Two are due at the same times in a pool with one slot. */
const SCHEDULES: Readonly<Record<string, JsonObject>> = {
  first: { cron: "*/30 * * * *", timezone: "UTC" },
  second: { cron: "*/30 * * * *", timezone: "UTC" },
  berlin: { cron: "30 9 * * 1-5", timezone: "Europe/Berlin" },
  friday: { cron: "0 6 1-7 * 5", timezone: "America/New_York", day_or: false },
  hours: { rrule: "FREQ=HOURLY;INTERVAL=5", timezone: "America/New_York" },
  months: { rrule: "DTSTART:20260101T081500\nRRULE:FREQ=MONTHLY;BYDAY=-1FR,1MO", timezone: "Europe/Berlin" },
  daily: { interval: 86_400, anchor_date: "2026-01-01T06:30:00Z", timezone: "Australia/Sydney" },
  odd: { interval: 5_400, anchor_date: "2026-01-01T00:10:00Z", timezone: "UTC" },
};
export const POOL = "batch";

export async function fillQuestions(prefect: RealPrefect): Promise<QuestionsWorkspace> {
  const { exitCode, stdout, stderr } = await prefect.python("questions/flows.py");
  if (exitCode !== 0) throw new Error(`flows.py ended with ${exitCode}: ${stderr.slice(-2_000)}`);
  const { good, bad } = JSON.parse(stdout.trim().split("\n").at(-1) ?? "{}") as { good: string[]; bad: string };
  await prefect.api("POST", "/work_pools/", { name: POOL, type: "process", concurrency_limit: 1 });
  await prefect.api("POST", `/work_pools/${POOL}/workers/heartbeat`, {
    name: "here",
    heartbeat_interval_seconds: 3_600,
  });
  const flow = await prefect.api<{ id: string }>("POST", "/flows/", { name: "planned" });
  const deployments = new Map<string, { id: string; schedule: JsonObject }>();
  const create = (name: string, schedule: JsonObject, paused = false) =>
    prefect.api<{ id: string; schedules: { schedule: JsonObject }[] }>("POST", "/deployments/", {
      ...{ name, flow_id: flow.id, paused, schedules: [{ schedule, active: true }] },
      ...(name === "first" || name === "second" ? { work_pool_name: POOL } : {}),
    });
  for (const [name, schedule] of Object.entries(SCHEDULES)) {
    const { id, schedules } = await create(name, schedule);
    deployments.set(name, { id, schedule: schedules[0]?.schedule ?? schedule });
  }
  await create("paused", { cron: "0 * * * *", timezone: "UTC" }, true);
  const counts = () =>
    Promise.all([...deployments.values()].map(async ({ id }) => (await scheduledTimes(prefect, id)).length));
  await waitUntil("Prefect has scheduled runs of every deployment", counts, (found) =>
    found.every((count) => count >= 2),
  );
  await prefect.settled();
  return { good, bad, deployments };
}

/** When Prefect's own scheduler has put the runs of a deployment, ascending, as Prefect writes times. */
export async function scheduledTimes(prefect: RealPrefect, deploymentId: string): Promise<string[]> {
  const rows = await prefect.api<{ expected_start_time: string }[]>("POST", "/flow_runs/filter", {
    deployments: { id: { any_: [deploymentId] } },
    flow_runs: { state: { type: { any_: ["SCHEDULED"] } } },
    sort: "EXPECTED_START_TIME_ASC",
  });
  return rows.map((row) => row.expected_start_time);
}
