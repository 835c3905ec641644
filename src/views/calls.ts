/** The views and the calls that each draws. Used by the program, which answers the calls, and by the page. */

export const VIEWS = ["dashboard", "diagnosis", "run", "events", "incidents", "reliability", "forecast"] as const;
export type View = (typeof VIEWS)[number];

export interface ViewCall {
  readonly tool: string;
  readonly args: Readonly<Record<string, unknown>>;
}
type Args = ViewCall["args"];

/** The tool whose answer each view draws first. */
export const FIRST_TOOL: Readonly<Record<View, string>> = {
  dashboard: "get_dashboard",
  diagnosis: "diagnose",
  run: "get_timeline",
  events: "read_events",
  incidents: "get_incidents",
  reliability: "get_reliability",
  forecast: "forecast",
};

/** Null for a tool whose answers have no view. */
export function viewOfTool(tool: string): View | null {
  return VIEWS.find((view) => FIRST_TOOL[view] === tool) ?? null;
}

/** Task runs, their states and log lines of the view of one run. */
const MOST_TASKS = 200;
const MOST_STATES = 500;
const MOST_LINES = 200;
const MOST_RUNS = 200;

export const taskCall = ({ flow_run }: Args): ViewCall => ({
  tool: "get_task_runs",
  args: { flow_run, limit: MOST_TASKS },
});
export const logCall = ({ flow_run }: Args): ViewCall => ({
  tool: "get_flow_run_logs",
  args: { flow_run_id: flow_run, limit: MOST_LINES },
});

/** The states that the tasks of a run went through: their attempts. */
export const attemptCall = ({ flow_run }: Args): ViewCall => ({
  tool: "read_events",
  args: { flow_run, event_type_prefix: "prefect.task-run.", order: "asc", limit: MOST_STATES },
});

/** The coming runs that the calendar shows; by default the answer has as many as a model reads. */
export const comingCall = (args: Args): ViewCall => ({ tool: "forecast", args: { limit: MOST_RUNS, ...args } });

/** Arguments of `read_events` that `aggregate_events` takes too. */
const SHARED = [
  "event_type_prefix",
  "occurred_after",
  "occurred_before",
  "filter",
  "flow_run",
  "deployment",
  "work_pool",
  "resource",
];

export const countCall = (args: Args): ViewCall => ({
  tool: "aggregate_events",
  args: Object.fromEntries(Object.entries(args).filter(([key]) => SHARED.includes(key))),
});

/** Flow runs that ended in each state, by hour: what the dashboard's bars count. Prefect names these events after the state. */
export const ENDED = ["Failed", "Crashed", "Cancelled", "Completed"] as const;
export const endedCall = (state: string, { since, until }: Args): ViewCall => ({
  tool: "aggregate_events",
  args: {
    event_type_prefix: `prefect.flow-run.${state}`,
    interval: "1h",
    occurred_after: since ?? "24h",
    ...(until === undefined ? {} : { occurred_before: until }),
  },
});

/** What a view asks, its first tool first. */
export function callsOfView(view: View, args: Args): ViewCall[] {
  const first = { tool: FIRST_TOOL[view], args };
  if (view === "run") return [first, taskCall(args), attemptCall(args), logCall(args)];
  if (view === "events") return [first, countCall(args)];
  if (view === "dashboard") return [first, ...ENDED.map((state) => endedCall(state, args))];
  if (view === "forecast") return [first, comingCall(args)];
  return [first];
}
