import { existsSync } from "node:fs";
import { AppError } from "../errors.ts";
import type { QueryContext } from "../queries/source/context.ts";
import { getRecordStatus, type RecordStatus } from "../queries/workspace/record-status.ts";
import { openRecord } from "../store/database.ts";
import { toStoreError } from "../store/store-error.ts";

/** What is held. Throws AppError where there is a file that cannot be used: answers only know that they have no record. */
export function readStatus(query: QueryContext, file: string): RecordStatus {
  if (existsSync(file)) refuseUnusable(file);
  try {
    return getRecordStatus(query);
  } catch (error) {
    throw toStoreError(error, file);
  }
}

function refuseUnusable(file: string): void {
  try {
    openRecord(file, "read").close();
  } catch (error) {
    // Left by an older program: the next sync brings it up to date.
    if (!(error instanceof AppError && error.code === "not_found")) throw error;
  }
}
