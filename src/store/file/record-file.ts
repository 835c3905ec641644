import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  type Stats,
  statSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { withoutEndSlashes } from "../../lib/http-url.ts";

/** Suffixes of the files that make up a record. */
export const SIDE_FILES = ["", "-wal", "-shm"] as const;

/**
 * File name of the record of one Prefect instance: host and path in readable form, and a hash of the normalised URL, so
 * that two instances never share a file. Credentials and query of the URL do not matter.
 */
export function recordFileName(apiUrl: string): string {
  const url = URL.canParse(apiUrl) ? new URL(apiUrl) : null;
  const plain = url ? `${url.protocol}//${url.host}${withoutEndSlashes(url.pathname)}` : apiUrl;
  const slug = plain
    .replace(/^\w+:\/\//, "")
    .replace(/\/api$/, "")
    .replace(/[^A-Za-z0-9.]+/g, "-")
    .replace(/^[-.]+|(?<![-.])[-.]+$/g, "")
    .slice(0, 60);
  const hash = new Bun.CryptoHasher("sha256").update(plain).digest("hex").slice(0, 10);
  return `${slug || "prefect"}-${hash}.sqlite`;
}

/**
 * Creates the folder with mode 0700. An existing folder of this user gets that mode too, unless it is shared (sticky,
 * as /tmp).
 */
export function ensureDataDir(dir: string): void {
  if (mkdirSync(dir, { recursive: true, mode: 0o700 }) !== undefined) return;
  const { mode, uid } = statSync(dir);
  const isOurs = process.getuid === undefined || uid === process.getuid();
  if (isOurs && (mode & 0o1000) === 0 && (mode & 0o077) !== 0) chmodSync(dir, 0o700);
}

/**
 * Creates an empty file with mode 0600, or gives an existing one that mode. SQLite gives -wal and -shm the mode of the
 * main file. An existing file is not opened here: closing any descriptor of it would release this process's POSIX locks
 * on it.
 */
export function ensurePrivateFile(file: string): void {
  if (!existsSync(file)) {
    try {
      closeSync(openSync(file, "wx", 0o600));
      return;
    } catch (error) {
      if (!isExisting(error)) throw error;
    }
  }
  for (const name of SIDE_FILES.map((suffix) => file + suffix)) {
    if (existsSync(name) && (statSync(name).mode & 0o077) !== 0) chmodSync(name, 0o600);
  }
}

function isExisting(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EEXIST";
}

const ASIDE = ".corrupt-";

/** Renames the file with its -wal and -shm to `<file>.corrupt-<stamp>` and returns the new name of the main file. */
export function moveAside(file: string, stamp: string): string {
  let target = `${file}${ASIDE}${stamp}`;
  for (let n = 2; existsSync(target); n += 1) target = `${file}${ASIDE}${stamp}-${n}`;
  // -wal and -shm first: if the process dies in between, a new main file must not find an old WAL.
  for (const suffix of [...SIDE_FILES].reverse()) {
    if (existsSync(file + suffix)) renameSync(file + suffix, target + suffix);
  }
  return target;
}

/** Files that `moveAside` made of this record, with -wal and -shm. */
export function filesAside(file: string): string[] {
  const folder = dirname(file);
  if (!existsSync(folder)) return [];
  const start = `${basename(file)}${ASIDE}`;
  return readdirSync(folder).flatMap((name) => (name.startsWith(start) ? [join(folder, name)] : []));
}

/** Bytes on disk of the files that `moveAside` made of this record. */
export function bytesAside(file: string): number {
  return filesAside(file).reduce((sum, path) => sum + (statOf(path)?.size ?? 0), 0);
}

/** Undefined for what is missing, and for a path that cannot be looked at (too long, in a circle of links). */
function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** Device and inode of a file, to detect its replacement; null when it is missing. Does not open the file. */
export function fileIdentity(file: string): string | null {
  const found = statOf(file);
  return found ? `${found.dev}:${found.ino}` : null;
}

/** Bytes on disk of the record with -wal and -shm. */
export function recordBytes(file: string): number {
  return SIDE_FILES.reduce((sum, suffix) => sum + (statOf(file + suffix)?.size ?? 0), 0);
}

/** Bytes of the write-ahead log. */
export function walBytes(file: string): number {
  return statOf(`${file}-wal`)?.size ?? 0;
}

/** Folder of a file. */
export function folderOf(file: string): string {
  return dirname(file);
}
