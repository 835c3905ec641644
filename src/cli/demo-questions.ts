/** A question of the demo: one tool call. */
export interface DemoQuestion {
  readonly question: string;
  readonly tool: string;
  /** `earlier`: structured answers to the questions before, by tool name. */
  readonly args: (earlier: EarlierAnswers) => Readonly<Record<string, unknown>>;
}

export type EarlierAnswers = ReadonlyMap<string, Readonly<Record<string, unknown>>>;

export const DEMO_QUESTIONS: readonly DemoQuestion[] = [
  { question: "How is the workspace doing?", tool: "get_dashboard", args: () => ({}) },
  {
    question: "Which runs have failed or crashed in the last twelve hours?",
    tool: "get_flow_runs",
    args: () => ({ state: ["FAILED", "CRASHED"], since: "12h", limit: 8 }),
  },
  {
    question: "The ledger export: what do its last log lines say?",
    tool: "get_flow_run_logs",
    args: (earlier) => ({ flow_run_id: idOf(earlier.get("get_flow_runs"), "flow_runs", "export-ledger"), limit: 4 }),
  },
  {
    question: "Has anything else run out of disk space?",
    tool: "search",
    args: () => ({ query: '"disk quota"', limit: 4 }),
  },
  { question: "Which pools are stuck, and who holds the slots?", tool: "get_work_pools", args: () => ({}) },
  {
    question: "What has just happened in the order inbox?",
    tool: "read_events",
    args: () => ({ event_type_prefix: "shop.orders.", limit: 5 }),
  },
  { question: "What does the record hold, and how recent is it?", tool: "get_record_status", args: () => ({}) },
];

/** Tools whose questions are asked again after the demo's Prefect is stopped. */
export const OFFLINE_QUESTIONS: readonly string[] = ["get_dashboard", "read_events"];

/** The id of the first item that belongs to a flow, or of the first item. */
function idOf(answer: Readonly<Record<string, unknown>> | undefined, key: string, flow: string): string {
  const items = (answer?.[key] ?? []) as readonly { id: string; flow?: unknown; flow_name?: unknown }[];
  const found = items.find((item) => JSON.stringify([item.flow, item.flow_name]).includes(flow)) ?? items[0];
  return found?.id ?? flow;
}
