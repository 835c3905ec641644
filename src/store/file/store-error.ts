import { AppError } from "../../errors.ts";
import { asPlace, asReason, own, type Sentence, sentence } from "../../lib/shown-text.ts";
import { systemReason } from "../../lib/system-errors.ts";

/** Code of a thrown SQLite or file error, such as `SQLITE_FULL` or `ENOSPC`; "" for any other value. */
export function sqliteCode(error: unknown): string {
  if (error instanceof AppError) return sqliteCode(error.cause);
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return "";
  return error.code;
}

/** True when the file itself is damaged: it can only be moved aside and built again. */
export function isDamage(error: unknown): boolean {
  const code = sqliteCode(error);
  return code.startsWith("SQLITE_CORRUPT") || code.startsWith("SQLITE_NOTADB");
}

/**
 * Any SQLite or file error as an AppError `unavailable` with a sentence for the user; other values are returned unchanged.
 * Every such error is worth a retry: writing works again once the disk has room or is writable.
 */
export function toStoreError(error: unknown, file: string): unknown {
  const code = sqliteCode(error);
  if (code === "" || error instanceof AppError) return error;
  const name = asPlace(file);
  const say = (message: Sentence, hint: Sentence) => new AppError("unavailable", message, { hint, cause: error });
  if (code.startsWith("SQLITE_FULL") || code === "ENOSPC" || code === "EDQUOT") {
    return say(
      sentence`The disk that holds ${name} is full.`,
      own("Free some space; recording then continues by itself. Reading still works."),
    );
  }
  if (code.startsWith("SQLITE_READONLY") || code === "EROFS" || code === "EACCES" || code === "EPERM") {
    return say(
      sentence`${name} cannot be written.`,
      own("Make the folder writable or set PREFECT_MCP_DATA_DIR. Reading still works."),
    );
  }
  const isTooLong = code.startsWith("SQLITE_CANTOPEN") && Buffer.byteLength(file) > MAX_PATH_BYTES;
  if (code === "ENAMETOOLONG" || isTooLong) {
    return say(
      sentence`${asPlace(shortPath(file))} cannot be opened: its name or path is too long.`,
      own("Set PREFECT_MCP_DATA_DIR to a folder with a shorter path."),
    );
  }
  if (code === "EMFILE" || code === "ENFILE") {
    return say(
      sentence`${name} cannot be opened: too many files are open.`,
      own("Raise the limit of open files (`ulimit -n`), or lower PREFECT_MCP_HTTP_MAX_TENANTS."),
    );
  }
  if (code.startsWith("SQLITE_CANTOPEN") || code === "ENOTDIR" || code === "ENOENT" || code === "EEXIST") {
    return say(
      sentence`${name} cannot be opened.`,
      own("Check that the folder exists and is writable, or set PREFECT_MCP_DATA_DIR."),
    );
  }
  if (code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED")) {
    return say(sentence`${name} is locked by another process.`, own("Try again in a moment."));
  }
  if (isDamage(error)) {
    return say(sentence`${name} is damaged.`, own("The next sync moves it aside and builds a new one."));
  }
  if (code.startsWith("SQLITE_IOERR") || code === "EIO") {
    return say(
      sentence`The disk failed while reading or writing ${name}.`,
      own("Check the disk; recording will be tried again."),
    );
  }
  const reason = systemReason(error);
  if (reason === null) return error;
  return say(
    sentence`${name} cannot be used: ${asReason(reason)}.`,
    own("Correct that, or set PREFECT_MCP_DATA_DIR to another folder."),
  );
}

/** SQLite opens no longer path: MAX_PATHNAME, less the end of a journal's name. https://sqlite.org/src/file/src/os_unix.c */
export const MAX_PATH_BYTES = 512 - 12;

/** A path too long for the file system would also be too long for a sentence. */
export function shortPath(file: string): string {
  return file.length <= 200 ? file : `${file.slice(0, 150)}…${file.slice(-40)}`;
}
