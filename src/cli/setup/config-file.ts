/** Reads and replaces a client's file. It is replaced in one step, so that a client never reads half a file. */
import {
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { AppError } from "../../errors.ts";
import { asPlace, asReason, own, type Sentence, sentence } from "../../lib/shown-text.ts";
import { systemCode, systemReason } from "../../lib/system-errors.ts";

/** Only the user may read a new file, because others may put secrets into it later. */
const NEW_FILE_MODE = 0o600;
const MAX_BYTES = 32 * 1024 ** 2;

export interface ConfigFile {
  /** As the client names it. */
  readonly path: string;
  /** With symbolic links followed: this file is replaced, and links stay. */
  readonly target: string;
  /** Null while the file does not exist. */
  readonly text: string | null;
}

export const backupOf = (target: string) => `${target}.before-prefect-mcp-bun`;

/** Throws AppError for a file that must not be replaced. */
export function readConfigFile(path: string): ConfigFile {
  const stats = attempt(path, () => lstatSync(path, { throwIfNoEntry: false }));
  if (stats === undefined) return { path, target: path, text: null };
  const target = attempt(path, () => realpathSync(path));
  const { size } = checked(path, target);
  if (size > MAX_BYTES) throw refusal(path, own("it is too large for a file of settings"));
  const bytes = attempt(path, () => readFileSync(target));
  const text = bytes.toString("utf8");
  if (!Buffer.from(text, "utf8").equals(bytes)) throw refusal(path, own("it is not UTF-8 text"));
  return { path, target, text };
}

/** Others could change a file of theirs at the moment in which it is replaced. */
function checked(path: string, target: string): Stats {
  const stats = attempt(path, () => statSync(target));
  if (!stats.isFile()) throw refusal(path, own("it is not a file"));
  const uid = process.getuid?.() ?? stats.uid;
  if (uid !== 0 && stats.uid !== uid) throw refusal(path, own("it belongs to another user"));
  return stats;
}

/** Throws AppError. Returns the path of the backup, null where there was no file before. */
export function writeConfigFile({ path, target, text }: ConfigFile, next: string): string | null {
  return attempt(path, () => {
    const stats = text === null ? null : checked(path, target);
    if (text === null) mkdirSync(dirname(target), { recursive: true });
    const draft = `${target}.${process.pid}.tmp`;
    const mode = stats === null ? NEW_FILE_MODE : stats.mode & 0o7777;
    try {
      writeDraft(draft, next, mode, stats);
      const now = readConfigFile(path);
      if (now.text !== text || now.target !== target)
        throw refusal(path, own("another program has changed it meanwhile"));
      if (stats !== null) {
        copyFileSync(target, `${draft}.old`);
        renameSync(`${draft}.old`, backupOf(target));
      }
      renameSync(draft, target);
    } finally {
      for (const left of [draft, `${draft}.old`]) rmSync(left, { force: true });
    }
    return stats === null ? null : backupOf(target);
  });
}

function writeDraft(draft: string, text: string, mode: number, stats: Stats | null): void {
  const fd = openSync(draft, "wx", mode);
  try {
    writeSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  if (stats === null || process.platform === "win32") return;
  // The mode of `open` is reduced by the umask.
  chmodSync(draft, mode);
  if (process.getuid?.() !== stats.uid) chownSync(draft, stats.uid, stats.gid);
}

function refusal(path: string, reason: Sentence): AppError {
  return new AppError("invalid_config", sentence`${asPlace(path)} is left as it is: ${reason}.`);
}

function attempt<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    const reason = systemReason(error);
    if (reason === null) throw error;
    const what = systemCode(error) === "ENOENT" ? "its symbolic link leads to nothing" : reason;
    throw refusal(path, asReason(what));
  }
}
