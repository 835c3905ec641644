import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ActionEntry, openActionLog, readActionLog } from "../../../src/store/actions/action-log.ts";

const folder = mkdtempSync(join(tmpdir(), "action-log-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const entry = (summary: string): ActionEntry => ({
  atUs: 1_700_000_000_000_000,
  caller: "key:0123456789ab",
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

test("a file of before callers were noted is read, and gets the column at the next entry", () => {
  const file = join(folder, "old.sqlite");
  const old = new Database(file);
  old.run(
    "CREATE TABLE action (id INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, instance TEXT NOT NULL, tool TEXT NOT NULL, verb TEXT NOT NULL, phase TEXT NOT NULL, change TEXT NOT NULL, summary TEXT NOT NULL, detail TEXT NOT NULL) STRICT",
  );
  old.run("INSERT INTO action VALUES (1, 1, 'u', 't', 'v', 'preview', 'c', 'before', '{}')");
  old.close();
  expect(readActionLog(file, 1)).toMatchObject([{ summary: "before", caller: "" }]);
  const log = openActionLog(file);
  log.add(entry("after"));
  log.close();
  expect(readActionLog(file, 2)).toMatchObject([
    { summary: "after", caller: "key:0123456789ab" },
    { summary: "before", caller: "" },
  ]);
});
