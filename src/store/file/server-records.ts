/**
 * The records of one API URL. Another server may answer there than before: each has a file of its own, and a pointer beside the
 * first one names the file in use. No file is renamed, so readers and writers that have one open are never disturbed, and a crash
 * leaves either the old pointer or the new one.
 */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { filesAside, SIDE_FILES } from "./record-file.ts";

const EXTENSION = ".sqlite";
const ID = /^[0-9a-f]{8}$/;

function pointerOf(first: string): string {
  return `${first}.current`;
}

/** Name before the id of a further file. */
function stemOf(first: string): string {
  return `${basename(first).slice(0, -EXTENSION.length)}.server-`;
}

function isFurther(first: string, name: string): boolean {
  const stem = stemOf(first);
  return (
    name.startsWith(stem) &&
    name.endsWith(EXTENSION) &&
    ID.test(name.slice(stem.length, name.length - EXTENSION.length))
  );
}

/** The file in use. `first`: the file that the first server of a URL gets, `recordFileName` in its folder. */
export function currentRecordFile(first: string): string {
  let name: string;
  try {
    name = readFileSync(pointerOf(first), "utf8").trim();
  } catch {
    return first;
  }
  return isFurther(first, name) ? join(dirname(first), name) : first;
}

/** All records of the URL that exist, `first` included; also those of which only a damaged file is left. */
export function recordFilesBeside(first: string): string[] {
  const folder = dirname(first);
  const further = existsSync(folder) ? readdirSync(folder).filter((name) => isFurther(first, name)) : [];
  const isThere = (file: string) => existsSync(file) || filesAside(file).length > 0;
  return [first, ...further.map((name) => join(folder, name))].filter(isThere);
}

/** Path of a file for one more server. */
export function furtherRecordFile(first: string): string {
  for (;;) {
    const file = join(
      dirname(first),
      `${stemOf(first)}${crypto.getRandomValues(new Uint8Array(4)).toHex()}${EXTENSION}`,
    );
    if (!existsSync(file)) return file;
  }
}

/** Puts a file in use, at once for all processes. */
export function setCurrentRecordFile(first: string, file: string): void {
  const pointer = pointerOf(first);
  if (file === first) {
    rmSync(pointer, { force: true });
    return;
  }
  const draft = `${pointer}.${process.pid}`;
  writeFileSync(draft, `${basename(file)}\n`, { mode: 0o600 });
  renameSync(draft, pointer);
}

/** Deletes a record with all its side files. Processes that have it open keep what they have read. */
export function removeRecordFile(file: string): void {
  for (const suffix of [...SIDE_FILES, ".lock", ".setup"]) rmSync(file + suffix, { force: true });
}
