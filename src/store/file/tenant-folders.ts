/** Records of tenants: one folder for each target and credential, named by a hash with a salt of this data folder. */
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ensureDataDir } from "./record-file.ts";
import { recordFilesBeside } from "./server-records.ts";

const FOLDER = "tenants";
const SALT = "salt";
const SALT_BYTES = 32;

/**
 * Folder of the records of one target with one credential. Callers with different credentials never share a folder, because one
 * of them may be allowed to see more. The name reveals nothing of `parts` and is the same in every process.
 */
export function tenantFolder(dataDir: string, parts: readonly string[]): string {
  const hash = new Bun.CryptoHasher("sha256", saltOf(dataDir));
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return join(dataDir, FOLDER, hash.digest("hex").slice(0, 32));
}

function saltOf(dataDir: string): Uint8Array {
  const folder = join(dataDir, FOLDER);
  ensureDataDir(dataDir);
  ensureDataDir(folder);
  const file = join(folder, SALT);
  try {
    writeFileSync(file, crypto.getRandomValues(new Uint8Array(SALT_BYTES)), { flag: "wx", mode: 0o600 });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
  return readFileSync(file);
}

/** The first records of this name in the folders of all tenants that have any, also those of which only a damaged file is left. */
export function tenantRecords(dataDir: string, name: string): string[] {
  const root = join(dataDir, FOLDER);
  if (!existsSync(root)) return [];
  const folders = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return folders.map((entry) => join(root, entry.name, name)).filter((file) => recordFilesBeside(file).length > 0);
}

/** Removes the folder of a tenant's record if it is empty. */
export function dropEmptyFolder(folder: string): void {
  if (existsSync(folder) && readdirSync(folder).length === 0) rmdirSync(folder);
}

/**
 * Removes folders, least recently written first, until all together take at most `maxBytes` (0: no limit); folders in `inUse`
 * stay. Returns the removed paths.
 */
export function trimTenantFolders(dataDir: string, maxBytes: number, inUse: ReadonlySet<string>): string[] {
  const root = join(dataDir, FOLDER);
  if (maxBytes === 0 || !existsSync(root)) return [];
  const folders = readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => measure(join(root, entry.name)))
    .sort((a, b) => a.writtenMs - b.writtenMs);
  let total = folders.reduce((sum, { bytes }) => sum + bytes, 0);
  const removed: string[] = [];
  for (const { path, bytes } of folders) {
    if (total <= maxBytes) break;
    if (inUse.has(path)) continue;
    rmSync(path, { recursive: true, force: true });
    removed.push(path);
    total -= bytes;
  }
  return removed;
}

function measure(path: string): { path: string; bytes: number; writtenMs: number } {
  const files = readdirSync(path).map((name) => statSync(join(path, name), { throwIfNoEntry: false }));
  return {
    path,
    bytes: files.reduce((sum, file) => sum + (file?.size ?? 0), 0),
    writtenMs: files.reduce((newest, file) => Math.max(newest, file?.mtimeMs ?? 0), 0),
  };
}
