/** Reads and replaces a client's file. It is replaced in one step, so that a client never reads half a file. */
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
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
  /** Where copies of its texts are, the one for new copies first. */
  readonly copyFolders: readonly [string, ...string[]];
}

const BACKUP = ".before-prefect-mcp-bun";

export interface Backup {
  readonly path: string;
  readonly text: string;
}

/**
 * Throws AppError for a file that must not be replaced. `stateFolder`: for copies of a file in a git repository, whose ignore rules are for
 * the file and not for copies of it, so that a later commit could publish the keys in them.
 */
export function readConfigFile(path: string, stateFolder?: string): ConfigFile {
  const stats = attempt(path, () => lstatSync(path, { throwIfNoEntry: false }));
  const target = stats === undefined ? path : attempt(path, () => realpathSync(path));
  const copyFolders = foldersOfCopies(target, stateFolder);
  if (stats === undefined) return { path, target, text: null, copyFolders };
  const { size } = checked(path, target);
  if (size > MAX_BYTES) throw refusal(path, own("it is too large for a file of settings"));
  const bytes = attempt(path, () => readFileSync(target));
  const text = bytes.toString("utf8");
  if (!Buffer.from(text, "utf8").equals(bytes)) throw refusal(path, own("it is not UTF-8 text"));
  return { path, target, text, copyFolders };
}

function foldersOfCopies(target: string, stateFolder: string | undefined): ConfigFile["copyFolders"] {
  const beside = dirname(target);
  if (stateFolder === undefined || gitFolderOf(target) === null) return [beside];
  // Files of several clients have the same name.
  const hash = new Bun.CryptoHasher("sha256").update(target).digest("hex").slice(0, 12);
  return [join(stateFolder, "client-files", hash), beside];
}

/** The folder of the repository that a file is in. Whether git tracks the file is not asked. */
export function gitFolderOf(path: string): string | null {
  for (let folder = dirname(path); folder !== dirname(folder); folder = dirname(folder))
    if (existsSync(join(folder, ".git"))) return folder;
  return null;
}

/** Others could change a file of theirs at the moment in which it is replaced. */
function checked(path: string, target: string): Stats {
  const stats = attempt(path, () => statSync(target));
  if (!stats.isFile()) throw refusal(path, own("it is not a file"));
  const uid = process.getuid?.() ?? stats.uid;
  if (uid !== 0 && stats.uid !== uid) throw refusal(path, own("it belongs to another user"));
  return stats;
}

/** Earlier texts of the file, the first one first. Their numbers have no gaps unless a person deletes one. */
export function backupsOf({ path, target, copyFolders }: ConfigFile): readonly Backup[] {
  return attempt(path, () => {
    const start = basename(target) + BACKUP;
    const found = copyFolders.filter(existsSync).flatMap((folder) =>
      readdirSync(folder).flatMap((name) => {
        const number = name === start ? "1" : name.startsWith(`${start}.`) ? name.slice(start.length + 1) : "";
        return /^[1-9]\d{0,5}$/.test(number) ? [{ path: join(folder, name), number: Number(number) }] : [];
      }),
    );
    return found
      .toSorted((a, b) => a.number - b.number)
      .filter((one) => lstatSync(one.path).isFile())
      .map((one) => ({ path: one.path, text: readFileSync(one.path, "utf8") }));
  });
}

/** Copies the present file, and never over another copy. The same text is copied once. */
function copyFormer(file: ConfigFile): string {
  const known = backupsOf(file).find(({ text }) => text === file.text);
  if (known !== undefined) return known.path;
  const [folder] = file.copyFolders;
  const isBeside = folder === dirname(file.target);
  if (!isBeside) makeHidden(folder);
  for (let number = 1; ; number += 1) {
    const copy = join(folder, `${basename(file.target)}${BACKUP}${number === 1 ? "" : `.${number}`}`);
    if (existsSync(copy)) continue;
    try {
      copyFileSync(file.target, copy, constants.COPYFILE_EXCL);
      if (!isBeside) chmodSync(copy, NEW_FILE_MODE);
      return copy;
    } catch (error) {
      if (systemCode(error) === "EEXIST") continue;
      rmSync(copy, { force: true });
      throw error;
    }
  }
}

/** A folder for its user only, which git does not see even where the home folder is a repository. */
function makeHidden(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const ignore = join(dirname(folder), ".gitignore");
  if (!existsSync(ignore)) writeFileSync(ignore, "*\n");
}

/**
 * Throws AppError, and then the file is as it was. Returns the path of the copy of its former text; null where there was no file before,
 * or no copy is needed (`isCopied`).
 */
export function writeConfigFile(file: ConfigFile, next: string, isCopied = true): string | null {
  const { path, target, text } = file;
  return alone(file, () => {
    const draft = `${target}.${process.pid}.tmp`;
    try {
      const stats = text === null ? null : writable(path, target);
      writeDraft(draft, next, stats === null ? NEW_FILE_MODE : stats.mode & 0o7777, stats);
      const now = readConfigFile(path);
      if (now.target === target && now.text === next) return null;
      if (now.text !== text || now.target !== target) throw changedMeanwhile(path);
      const copy = stats === null || !isCopied ? null : copyFormer(file);
      renameSync(draft, target);
      return copy;
    } finally {
      rmSync(draft, { force: true });
    }
  });
}

/** Deletes a file. Throws AppError, and then the file is as it was. */
export function deleteConfigFile(file: ConfigFile): void {
  alone(file, () => {
    writable(file.path, file.target);
    if (readConfigFile(file.path).text !== file.text) throw changedMeanwhile(file.path);
    rmSync(file.target);
  });
}

export function deleteBackups(file: ConfigFile, backups: readonly Backup[]): void {
  attempt(file.path, () => {
    for (const { path } of backups) rmSync(path, { force: true });
    const [folder] = file.copyFolders;
    const isOwn = folder !== dirname(file.target) && existsSync(folder);
    if (isOwn && readdirSync(folder).length === 0) rmdirSync(folder);
  });
}

/** A rename would replace a read-only file too. It is left alone: its owner has protected it, or another program writes it. */
function writable(path: string, target: string): Stats {
  const stats = checked(path, target);
  if ((stats.mode & 0o222) === 0) throw refusal(path, own("it is read-only"));
  return stats;
}

/** Two runs of `setup` could otherwise both find the file unchanged, and the second would undo what the first wrote. */
function alone<T>({ path, target, text }: ConfigFile, action: () => T): T {
  const lock = `${target}.prefect-mcp-bun.lock`;
  return attempt(path, () => {
    if (text === null) mkdirSync(dirname(target), { recursive: true });
    try {
      mkdirSync(lock);
    } catch (error) {
      if (systemCode(error) !== "EEXIST") throw error;
      const what = sentence`another run of setup is writing it. If none is running, delete the folder ${asPlace(lock)}`;
      throw refusal(path, what);
    }
    try {
      return action();
    } finally {
      rmSync(lock, { recursive: true, force: true });
    }
  });
}

function changedMeanwhile(path: string): AppError {
  return refusal(path, own("another program has changed it meanwhile; run setup again"));
}

function writeDraft(draft: string, text: string, mode: number, stats: Stats | null): void {
  const fd = openSync(draft, "wx", mode);
  try {
    // Unlike `writeSync`, it continues where the system has written a part only.
    writeFileSync(fd, text);
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
