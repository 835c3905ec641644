import { afterAll } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const made: string[] = [];
afterAll(() => {
  for (const dir of made.splice(0)) rmSync(dir, { recursive: true, force: true });
});

/** A path for a record in a new folder, which is removed after the file's tests. */
export function tempRecordFile(): string {
  const dir = mkdtempSync(join(tmpdir(), "prefect-mcp-store-"));
  made.push(dir);
  return join(dir, "data", "record.sqlite");
}
