/** The records of one API URL, one for each server that has answered there, as a session uses them. */
import { statSync } from "node:fs";
import { AppError } from "../errors.ts";
import { isReplaced, openRecord, type RecordDb } from "../store/database.ts";
import { recordBytes } from "../store/file/record-file.ts";
import {
  currentRecordFile,
  furtherRecordFile,
  recordFilesBeside,
  removeRecordFile,
  setCurrentRecordFile,
} from "../store/file/server-records.ts";

export interface ServerRecords {
  /** Opens the record in use for writing. Throws AppError. */
  open(): RecordDb;
  /** Whether `db` is still the record in use. */
  isCurrent(db: RecordDb): boolean;
  /** The records of the other servers, the one used last first. */
  others(): readonly OtherRecord[];
  /** Puts another record in use, or a new one for null. */
  use(record: OtherRecord | null): void;
}

export interface OtherRecord {
  readonly name: string;
  /** Opens it for reading. Throws AppError. */
  read(): RecordDb;
  /** Opens it for writing. Throws AppError. */
  write(): RecordDb;
}

/** Records that are kept beside the one in use. A server of which nothing is kept on disk has a new database at each start. */
const MAX_OTHERS = 4;

/**
 * `first`: the file of the first server. `maxBytes`: limit for all files together, 0 for none; the longest unused are deleted first.
 * `opened` gets each connection that may write, before anything else uses it.
 */
export function recordsOnDisk(first: string, maxBytes: number, opened: (db: RecordDb) => void): ServerRecords {
  const openToWrite = (file: string): RecordDb => {
    const db = openRecord(file, "write");
    opened(db);
    return db;
  };
  const others = (): OtherRecord[] => {
    const current = currentRecordFile(first);
    const usedMs = (file: string) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    return recordFilesBeside(first)
      .filter((file) => file !== current)
      .sort((a, b) => usedMs(b) - usedMs(a))
      .map((file) => ({ name: file, read: () => openRecord(file, "read"), write: () => openToWrite(file) }));
  };
  return {
    open: () => openToWrite(currentRecordFile(first)),
    isCurrent: (db) => db.file === currentRecordFile(first) && !isReplaced(db),
    others,
    use(record) {
      const file = record?.name ?? furtherRecordFile(first);
      // The file is there before it is named, so that readers find a record at once.
      openRecord(file, "write").close();
      setCurrentRecordFile(first, file);
      let bytes = recordBytes(file);
      for (const [index, other] of others().entries()) {
        bytes += recordBytes(other.name);
        if (index >= MAX_OTHERS || (maxBytes > 0 && bytes > maxBytes)) removeRecordFile(other.name);
      }
    },
  };
}

/** One record that the caller has opened and closes. While another server answers, nothing is recorded. */
export function singleRecord(db: RecordDb): ServerRecords {
  return {
    open: () => db,
    isCurrent: () => db.file === ":memory:" || !isReplaced(db),
    others: () => [],
    use() {
      throw new AppError("unavailable", "Another server answers, and this record cannot be put aside.", {
        hint: "Recording continues when the server of this record answers again.",
      });
    },
  };
}
