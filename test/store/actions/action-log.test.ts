import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ActionEntry, openActionLog, readActionLog } from "../../../src/store/actions/action-log.ts";

const folder = mkdtempSync(join(tmpdir(), "action-log-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const entry = (summary: string): ActionEntry => ({
  atUs: 1_700_000_000_000_000,
  instance: "http://127.0.0.1:4200/api",
  tool: "change_flow_run",
  verb: "cancel",
  phase: "preview",
  change: "ab",
  summary,
  detail: "{}",
});

test("entries of several processes are read newest first; the file is private and made at the first entry", () => {
  const file = join(folder, "new", "audit-log.sqlite");
  expect(readActionLog(file, 10)).toEqual([]);
  const [one, other] = [openActionLog(file), openActionLog(file)];
  expect(existsSync(file)).toBe(false);
  one.add(entry("first"));
  other.add(entry("second"));
  one.add(entry("third"));
  expect(readActionLog(file, 2)).toEqual([entry("third"), entry("second")]);
  expect(statSync(file).mode & 0o077).toBe(0);
  one.close();
  other.close();
  expect(readActionLog(file, 10).map(({ summary }) => summary)).toEqual(["third", "second", "first"]);
});

test("an entry that cannot be written is an error", () => {
  const file = join(folder, "broken.sqlite");
  writeFileSync(file, "this is no database, and long enough to be taken for one".repeat(10));
  expect(() => openActionLog(file).add(entry("lost"))).toThrow();
  expect(() => readActionLog(file, 1)).toThrow();
});
