/** Flow runs that Prefect has deleted and the record still has. */

import { AppError } from "../../errors.ts";
import { asName, type Checked, own, type Sentence, sentence } from "../../lib/shown-text.ts";
import { formatIsoUs, type ServerUs } from "../../lib/time.ts";
import { type FlowRunRow, findFlowRunRow } from "../../store/runs/flow-runs.ts";
import { idText } from "../../store/runs/run-columns.ts";
import type { QueryContext } from "../source/context.ts";

/** The row of a deleted run. Null for other runs, and without a record. */
export function readDeletedRun(ctx: QueryContext, id: string): FlowRunRow | null {
  const db = ctx.record();
  const row = db ? findFlowRunRow(db, id) : null;
  return row && row.deleted_us !== null ? row : null;
}

type DeletedRow = Pick<FlowRunRow, "id" | "name" | "deleted_us" | "state_name">;

/** A sentence about the deletion, empty for a run that was not deleted. */
export function deletionNote(row: DeletedRow): Sentence {
  return row.deleted_us === null ? own("") : sentence`${deletion(row, row.deleted_us)}.`;
}

function deletion(row: DeletedRow, deletedUs: ServerUs): Sentence {
  const state = row.state_name === null ? "" : sentence`, last known state ${asName(row.state_name)}`;
  const seen = formatIsoUs(deletedUs);
  return sentence`Flow run ${asName(row.name)} (${asName(idText(row.id))}) was deleted in Prefect (seen ${seen}${state})`;
}

/** The error for a question that the record cannot answer. `rest` says what is missing. */
export function deletedError<const Text extends string>(row: FlowRunRow, rest: Text & Checked<Text>): AppError {
  return new AppError("not_found", sentence`${deletion(row, row.deleted_us ?? 0)}; ${own<Text>(rest)}`, {
    hint: "get_timeline shows what was recorded of it.",
  });
}
