import { existsSync } from "node:fs";
import { AppError } from "../../errors.ts";
import type { QueryContext } from "../../queries/source/context.ts";
import { getRecordStatus, type RecordStatus } from "../../queries/workspace/record-status.ts";
import { openRecord } from "../../store/database.ts";
import { toStoreError } from "../../store/file/store-error.ts";

/** What the record holds. Throws AppError where a file cannot be opened; a query would only answer that there is no record. */
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
    // `not_found` means a record of an older version, which the next sync upgrades.
    if (!(error instanceof AppError && error.code === "not_found")) throw error;
  }
}
