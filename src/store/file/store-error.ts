import { AppError } from "../../errors.ts";

/** SQLite result code of a thrown value, such as `SQLITE_FULL`, or "" when it is none. */
export function sqliteCode(error: unknown): string {
  if (error instanceof AppError) return sqliteCode(error.cause);
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return "";
  return error.code;
}

/** The file itself is damaged: only moving it aside and rebuilding helps. */
export function isDamage(error: unknown): boolean {
  const code = sqliteCode(error);
  return code.startsWith("SQLITE_CORRUPT") || code.startsWith("SQLITE_NOTADB");
}

/**
 * Any error of the database as an AppError with a sentence for the user; what is no SQLite or file error passes unchanged.
 * All are `unavailable`: writing is tried again and goes on by itself when the disk has room or is writable again.
 */
export function toStoreError(error: unknown, file: string): unknown {
  const code = sqliteCode(error);
  if (code === "" || error instanceof AppError) return error;
  const say = (message: string, hint: string) => new AppError("unavailable", message, { hint, cause: error });
  if (code.startsWith("SQLITE_FULL") || code === "ENOSPC" || code === "EDQUOT") {
    return say(
      `The disk that holds ${file} is full.`,
      "Free some space; recording goes on by itself. Reading still works.",
    );
  }
  if (code.startsWith("SQLITE_READONLY") || code === "EROFS" || code === "EACCES" || code === "EPERM") {
    return say(
      `${file} cannot be written.`,
      "Make the folder writable or set PREFECT_MCP_DATA_DIR. Reading still works.",
    );
  }
  if (code.startsWith("SQLITE_CANTOPEN") || code === "ENOTDIR" || code === "ENOENT" || code === "EEXIST") {
    return say(
      `${file} cannot be opened.`,
      "Check that the folder exists and is writable, or set PREFECT_MCP_DATA_DIR.",
    );
  }
  if (code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED")) {
    return say(`${file} is held by another process.`, "Try again in a moment.");
  }
  if (isDamage(error)) {
    return say(`${file} is damaged.`, "The next sync moves it aside and builds a new one.");
  }
  if (code.startsWith("SQLITE_IOERR") || code === "EIO") {
    return say(`The disk failed while reading or writing ${file}.`, "Check the disk; recording is tried again.");
  }
  return error;
}
