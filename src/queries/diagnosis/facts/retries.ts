/** Retries in the window, of runs and of their tasks, grouped by error over deployments: retries hide an outage. */
import { largest, smallest } from "../../../lib/lists.ts";
import { own, sentence } from "../../../lib/shown-text.ts";
import { parseIsoUs } from "../../../lib/time.ts";
import { type PrefectEvent, RESOURCE_ID, RESOURCE_NAME } from "../../../model/events/event.ts";
import type { TimeRange } from "../../../model/freshness.ts";
import { resourceId } from "../../../model/kinds.ts";
import type { Log } from "../../../model/objects.ts";
import { errorFingerprint } from "../../../model/runs/error-fingerprint.ts";
import { parseStateMessage } from "../../../model/runs/traceback.ts";
import { isFailed } from "../../../model/state.ts";
import type { RecordDb } from "../../../store/database.ts";
import { findEvents } from "../../../store/events/events.ts";
import { findLogsOfFlowRun } from "../../../store/logs/logs.ts";
import { findFlowRunRow, toFlowRun } from "../../../store/runs/flow-runs.ts";
import { idText } from "../../../store/runs/run-columns.ts";
import { findTaskRunRow } from "../../../store/runs/task-runs.ts";
import { isRecordCurrent, isWindowRecorded } from "../../source/answer.ts";
import type { QueryContext } from "../../source/context.ts";
import type { NamedRun, RetryGroup } from "../findings/types.ts";
import { askLive, attempt, type Gathering } from "./gathering.ts";

const FLOW_RETRY = "prefect.flow-run.AwaitingRetry";
const TASK_RETRIES = ["prefect.task-run.AwaitingRetry", "prefect.task-run.Retrying"];
const MAX_EVENTS = 500;
/** Runs whose log is read for the error of a task: its state does not name it. */
const MAX_LOGS = 10;
const MAX_LINES = 200;
const INFO_LEVEL = 20;

export interface RetriesQuestion {
  readonly window: TimeRange;
  readonly gathering: Gathering;
  /** Whether a run belongs to the scope of the question. */
  readonly isInScope: (run: NamedRun["run"]) => boolean;
}

interface Retry {
  readonly one: NamedRun;
  readonly atUs: number;
  readonly task: string | null;
  readonly type: string | null;
  readonly message: string;
}

/** Largest first. Of runs that failed in the end only their failure counts. */
export function readRetries(ctx: QueryContext, question: RetriesQuestion): Promise<RetryGroup[]> {
  const { gathering, window } = question;
  const db = ctx.record();
  const what = own("retries of runs and tasks");
  if (!db || !isRecordCurrent(ctx, db, "event")) {
    gathering.unread.push(what);
    return Promise.resolve([]);
  }
  if (!isWindowRecorded(ctx, db, "event", window)) gathering.unchecked.push(own("retries before the recorded events"));
  return attempt(gathering, what, [], async () => {
    const filter = { event: { name: [FLOW_RETRY, ...TASK_RETRIES] } };
    const { fromUs, toUs } = window;
    const { events, hasMore } = findEvents(db, { fromUs, toUs, order: "desc", limit: MAX_EVENTS, filter });
    if (hasMore) gathering.unchecked.push(sentence`retries before the newest ${MAX_EVENTS}`);
    const retries = events.flatMap((event) => {
      const retry = retryOf(db, event);
      return retry && question.isInScope(retry.one.run) && !isFailed(retry.one.run.state_type) ? [retry] : [];
    });
    const unnamed = retries.filter((one) => one.task !== null && one.type === null);
    const errors = await readTaskErrors(ctx, db, unnamed, gathering);
    return groupRetries(retries.map((one) => withError(one, errors)));
  });
}

function retryOf(db: RecordDb, event: PrefectEvent): Retry | null {
  const isTask = event.event !== FLOW_RETRY;
  // After its wait a task run becomes Retrying: the same retry as the AwaitingRetry before.
  if (isTask && event.event.endsWith(".Retrying") && isAfterWait(event)) return null;
  const id = isTask ? flowRunOfTask(db, event) : idOf(event.resource[RESOURCE_ID]);
  const row = id ? findFlowRunRow(db, id) : null;
  if (!row || row.deleted_us !== null) return null;
  const run = toFlowRun(row);
  const nameOf = (role: string) =>
    event.related.find((one) => one["prefect.resource.role"] === role)?.[RESOURCE_NAME] ?? null;
  const error = parseStateMessage(event.resource["prefect.state-message"] ?? "");
  return {
    one: { run, flowName: nameOf("flow"), deploymentName: nameOf("deployment") },
    atUs: parseIsoUs(event.occurred) ?? 0,
    task: isTask ? (event.resource[RESOURCE_NAME] ?? "task") : null,
    type: error?.type ?? null,
    message: error?.message ?? (isTask ? "" : (event.resource["prefect.state-message"] ?? "")),
  };
}

function isAfterWait(event: PrefectEvent): boolean {
  const before = event.payload.initial_state as { readonly name?: unknown } | null | undefined;
  return before?.name === "AwaitingRetry";
}

function flowRunOfTask(db: RecordDb, event: PrefectEvent): string | null {
  const prefix = resourceId("flow_run", "");
  const related = event.related.find((one) => one[RESOURCE_ID]?.startsWith(prefix));
  if (related) return idOf(related[RESOURCE_ID]);
  const row = findTaskRunRow(db, idOf(event.resource[RESOURCE_ID]) ?? "");
  return idText(row?.flow_run_id ?? null);
}

function idOf(resource: string | undefined): string | null {
  return resource?.split(".").at(-1) ?? null;
}

/** https://github.com/PrefectHQ/prefect/blob/main/src/prefect/task_engine.py (`handle_retry`) */
const TASK_LINE = /^Task run failed with (?:exception|state): ([\s\S]+) - Retry \d+\/\d+ will start/;
const REPR = /^([A-Za-z_][\w.]*)\(([\s\S]*)\)$/;

/** Errors of retried tasks by flow run, from log lines: in the record, else from Prefect in one request. */
async function readTaskErrors(
  ctx: QueryContext,
  db: RecordDb,
  retries: readonly Retry[],
  gathering: Gathering,
): Promise<Map<string, Pick<Retry, "type" | "message">>> {
  const ids = [...new Set(retries.map(({ one }) => one.run.id))].slice(0, MAX_LOGS);
  const recorded = ids.flatMap((id) => findLogsOfFlowRun(db, id));
  const found = errorsOf(recorded);
  const missing = ids.filter((id) => !found.has(id));
  if (missing.length === 0) return found;
  const logs = { flow_run_id: { any_: missing }, level: { ge_: INFO_LEVEL, le_: INFO_LEVEL } };
  const body = { logs, sort: "TIMESTAMP_ASC", limit: MAX_LINES, offset: 0 };
  const lines = await askLive<readonly Log[]>(
    ctx,
    gathering,
    own("the errors that tasks were retried for"),
    [],
    (live) => live.api.filterLogs(body, live.options()),
  );
  return new Map([...found, ...errorsOf(lines)]);
}

function errorsOf(lines: readonly Log[]): Map<string, Pick<Retry, "type" | "message">> {
  const errors = new Map<string, Pick<Retry, "type" | "message">>();
  for (const { message, flow_run_id } of lines) {
    const text = TASK_LINE.exec(message)?.[1];
    if (text === undefined || !flow_run_id || errors.has(flow_run_id)) continue;
    const repr = REPR.exec(text);
    const type = repr?.[1] ?? null;
    errors.set(flow_run_id, { type, message: (repr?.[2] ?? text).replace(/^(['"])([\s\S]*)\1$/, "$2") });
  }
  return errors;
}

function withError(retry: Retry, errors: ReadonlyMap<string, Pick<Retry, "type" | "message">>): Retry {
  const known = retry.task !== null && retry.type === null ? errors.get(retry.one.run.id) : undefined;
  return known ? { ...retry, ...known } : retry;
}

function groupRetries(retries: readonly Retry[]): RetryGroup[] {
  const keyOf = ({ type, message, task }: Retry) =>
    type === null && message === "" ? `task ${task}` : errorFingerprint({ type, message, frame: null });
  return [...Map.groupBy(retries, keyOf).values()]
    .map((group): RetryGroup => {
      const [first] = group;
      const runs = new Map(group.map(({ one }) => [one.run.id, one]));
      const times = group.map((one) => one.atUs);
      return {
        runs: [...runs.values()],
        count: group.length,
        tasks: [...new Set(group.flatMap((one) => one.task ?? []))],
        type: first?.type ?? null,
        message: first?.message ?? "",
        firstUs: smallest(times),
        lastUs: largest(times),
      };
    })
    .toSorted((a, b) => b.count - a.count);
}
