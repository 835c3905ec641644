/** Flow runs that Prefect has deleted and the record still has. */
import { AppError } from "../../errors.ts";
import { formatIsoUs } from "../../lib/time.ts";
import { type FlowRunRow, findFlowRunRow } from "../../store/runs/flow-runs.ts";
import { idText } from "../../store/runs/run-columns.ts";
import type { QueryContext } from "../source/context.ts";

/** The row of a deleted run. Null for other runs, and without a record. */
export function readDeletedRun(ctx: QueryContext, id: string): FlowRunRow | null {
  const db = ctx.record();
  const row = db ? findFlowRunRow(db, id) : null;
  return row && row.deleted_us !== null ? row : null;
}

/** A sentence about the deletion, empty for a run that was not deleted. */
export function deletionNote(row: Pick<FlowRunRow, "id" | "name" | "deleted_us" | "state_name">): string {
  if (row.deleted_us === null) return "";
  const state = row.state_name === null ? "" : `, last known state ${row.state_name}`;
  return `Flow run ${row.name} (${idText(row.id)}) was deleted in Prefect (seen ${formatIsoUs(row.deleted_us)}${state}).`;
}

/** The error for a question that the record cannot answer. `rest` says what is missing. */
export function deletedError(row: FlowRunRow, rest: string): AppError {
  return new AppError("not_found", `${deletionNote(row).replace(/\.$/, "")}; ${rest}`, {
    hint: "get_timeline shows what was recorded of it.",
  });
}
