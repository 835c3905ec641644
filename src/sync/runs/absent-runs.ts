import type { LocalUs, ServerUs, SteadyMs } from "../../lib/time.ts";
import type { FlowRun, TaskRun } from "../../model/objects.ts";
import { FLOW_RUN_ROW_DELAY_US, TASK_RUN_ROW_DELAY_US } from "../../model/runs/server-delays.ts";
import { findFlowRunRow } from "../../store/runs/flow-runs.ts";
import { findTaskRunRow } from "../../store/runs/task-runs.ts";
import { checkDatabase, type DatabaseState } from "../context/database-check.ts";
import type { EngineContext } from "../context/engine-context.ts";
import { learnNullOrder, SHOWS_NULL_ORDER } from "../context/null-order.ts";
import type { Priority } from "../server/request-budget.ts";
import type { ClockMark } from "../server/server-clock.ts";

/** What Prefect answered about runs of the record. */
export interface AskedRuns<Row> {
  readonly rows: readonly Row[];
  /** Ids of those that Prefect has deleted. */
  readonly missing: readonly string[];
  /** Start of the reading, local clock. */
  readonly atUs: LocalUs;
  /** Whether the server is known to be the same one; `unknown` where it returned none of the runs, nor anything else. */
  readonly database: DatabaseState;
}

/** Asks for runs of the record by id, which is the only proof that Prefect has deleted one: deleting causes no event. */
export class AbsentRuns {
  private readonly ctx: EngineContext;
  /** Since when Prefect does not return runs whose rows may not be written yet. */
  private readonly missingSince = new Map<string, SteadyMs>();

  constructor(ctx: EngineContext) {
    this.ctx = ctx;
  }

  /** At most one page of ids. Throws AppError. */
  async askForFlowRuns(ids: readonly string[], priority: Priority, signal: AbortSignal): Promise<AskedRuns<FlowRun>> {
    const mark = this.ctx.serverClock.mark();
    const rows = await this.ctx.requests.call(priority, signal, (api, call) =>
      api.filterFlowRuns(
        { flow_runs: { id: { any_: ids } }, sort: SHOWS_NULL_ORDER, limit: this.ctx.tuning.rowPage },
        call,
      ),
    );
    learnNullOrder(this.ctx, rows);
    const found = new Set(rows.map((row) => row.id));
    const missing = ids.filter((id) => {
      const row = findFlowRunRow(this.ctx.db, id);
      return this.isAbsent(id, found, row, mark, FLOW_RUN_ROW_DELAY_US);
    });
    return { rows, missing, atUs: mark.atUs, database: await this.databaseOf(rows, missing, priority, signal) };
  }

  /** The same for task runs. */
  async askForTaskRuns(ids: readonly string[], priority: Priority, signal: AbortSignal): Promise<AskedRuns<TaskRun>> {
    const mark = this.ctx.serverClock.mark();
    const rows = await this.ctx.requests.call(priority, signal, (api, call) =>
      api.filterTaskRuns({ task_runs: { id: { any_: ids } }, limit: this.ctx.tuning.rowPage }, call),
    );
    const found = new Set(rows.map((row) => row.id));
    const missing = ids.filter((id) => {
      const row = findTaskRunRow(this.ctx.db, id);
      return row !== null && this.isAbsent(id, found, row, mark, TASK_RUN_ROW_DELAY_US);
    });
    return { rows, missing, atUs: mark.atUs, database: await this.databaseOf(rows, missing, priority, signal) };
  }

  /** Another server has none of the runs either: they must not be marked as deleted because of it. */
  private async databaseOf(
    rows: readonly unknown[],
    missing: readonly string[],
    priority: Priority,
    signal: AbortSignal,
  ): Promise<DatabaseState> {
    return rows.length > 0 || missing.length === 0 ? "same" : checkDatabase(this.ctx, [], priority, signal);
  }

  /**
   * Whether a run that Prefect does not return is deleted: Prefect has returned it before, or its row is overdue, which
   * it is `delayUs` after its state, or after it was first missing: the server clock may be unknown, or set back since.
   * Its age is taken at the time of the request, because the answer may come much later (the machine slept in between).
   */
  private isAbsent(
    id: string,
    found: ReadonlySet<string>,
    row: { readonly read_us: LocalUs | null; readonly state_us: ServerUs | null } | null,
    mark: ClockMark,
    delayUs: number,
  ): boolean {
    if (found.has(id) || row?.read_us != null) {
      this.missingSince.delete(id);
      return !found.has(id);
    }
    const settledUs = mark.settledUs();
    const missedMs = this.missingSince.get(id) ?? mark.atMs;
    const isLong =
      (mark.atMs - missedMs) * 1000 >= delayUs || (settledUs !== null && settledUs - (row?.state_us ?? 0) >= delayUs);
    if (isLong) this.missingSince.delete(id);
    else this.missingSince.set(id, missedMs);
    return isLong;
  }
}
