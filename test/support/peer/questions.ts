/** The same questions for the official server and for this one, and what both must agree on. */

// biome-ignore lint/suspicious/noExplicitAny: answers of two servers, of every shape.
type Structure = any;
type Facts = readonly string[];

export interface PeerQuestion {
  readonly name: string;
  readonly tool: string;
  /** Arguments of both servers; `ours`: further arguments with which this server answers the same. */
  readonly args: Readonly<Record<string, unknown>>;
  readonly ours?: Readonly<Record<string, unknown>>;
  /** Key of the list in both answers. This server's pages are read until they name as many items as the peer's. */
  readonly list?: string;
  /** One line per fact, in any order. */
  readonly facts?: { readonly peer: (answer: Structure) => Facts; readonly ours: (answer: Structure) => Facts };
}

type Item = Readonly<Record<string, unknown>>;

/** Facts of a list: these members of each item, by their names at the peer and here. */
function listFacts(list: string, members: readonly (string | readonly [peer: string, ours: string])[]) {
  const line = (item: Item, side: 0 | 1) =>
    members
      .map((name) => String(item[typeof name === "string" ? name : name[side]] ?? "").replace("+00:00", "Z"))
      .join(" ");
  const read = (side: 0 | 1) => (answer: Structure) => (answer[list] as Item[]).map((item) => line(item, side));
  return { list, facts: { peer: read(0), ours: read(1) } };
}

const RUNS = ["id", "name", "state_type", "state_name"];
const EVENTS = ["id", ["event_type", "event"], "occurred", "resource_id", "resource_name"] as const;
const LOGS = ["timestamp", ["level_name", "level"], "message"] as const;

/** `ids`: of the scenarios of workspace.py. `until`: nothing that happens later is asked for. */
export function peerQuestions(ids: Readonly<Record<string, string>>, until: string): PeerQuestion[] {
  const events = { occurred_before: until };
  const limited = (limit: number) => ({ args: { ...events, limit }, ...listFacts("events", EVENTS) });
  const logs = (flow_run_id: string | undefined, limit: number) => ({
    args: { flow_run_id, limit },
    ours: { head: true },
    ...listFacts("logs", LOGS),
  });
  const tasks = { filter: { flow_run_id: { any_: [ids.map] } }, limit: 200 };
  const failed = { filter: { state: { type: { any_: ["FAILED", "CRASHED"] } } }, limit: 50 };
  return [
    { name: "orientation", tool: "orientation", args: {} },
    {
      name: "identity",
      tool: "get_identity",
      args: {},
      facts: {
        peer: ({ identity }) => [String(identity.version)],
        ours: ({ identity }) => [String(identity.version)],
      },
    },
    {
      name: "dashboard",
      tool: "get_dashboard",
      args: {},
      // The peer counts crashed runs as failed; its other counts are of one page only.
      facts: {
        peer: ({ flow_runs }) => [`failed ${flow_runs.failed}`],
        ours: ({ flow_runs }) => [`failed ${flow_runs.failed + flow_runs.crashed}`],
      },
    },
    { name: "flows", tool: "get_flows", args: {}, ...listFacts("flows", ["id", "name"]) },
    {
      name: "deployments",
      tool: "get_deployments",
      args: {},
      ...listFacts("deployments", ["id", "name", "paused", "flow_name"]),
    },
    { name: "flow runs", tool: "get_flow_runs", args: { limit: 50 }, ...listFacts("flow_runs", RUNS) },
    { name: "failed flow runs", tool: "get_flow_runs", args: failed, ...listFacts("flow_runs", RUNS) },
    { name: "task runs of a run", tool: "get_task_runs", args: tasks, ...listFacts("task_runs", RUNS) },
    {
      name: "work pools",
      tool: "get_work_pools",
      args: {},
      ...listFacts("work_pools", ["id", "name", "type", "status"]),
    },
    { name: "automations", tool: "get_automations", args: {}, ...listFacts("automations", ["id", "name", "enabled"]) },
    { name: "logs of a failed run", tool: "get_flow_run_logs", ...logs(ids.failure, 100) },
    { name: "100 lines of a long log", tool: "get_flow_run_logs", ...logs(ids.logs, 100) },
    { name: "200 lines of a long log", tool: "get_flow_run_logs", ...logs(ids.logs, 200) },
    { name: "20 events", tool: "read_events", ...limited(20) },
    { name: "50 events", tool: "read_events", ...limited(50) },
    { name: "200 events", tool: "read_events", ...limited(200) },
    {
      name: "events of flow runs",
      tool: "read_events",
      args: { ...events, event_type_prefix: "prefect.flow-run", limit: 50 },
      ...listFacts("events", EVENTS),
    },
    { name: "automation schema", tool: "get_object_schema", args: { object_type: "automation" } },
  ];
}
