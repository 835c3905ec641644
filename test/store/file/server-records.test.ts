import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import {
  currentRecordFile,
  furtherRecordFile,
  recordFilesBeside,
  removeRecordFile,
  setCurrentRecordFile,
} from "../../../src/store/file/server-records.ts";
import { tempRecordFile } from "../temp-record.ts";

function aFirstFile(): string {
  const first = tempRecordFile();
  mkdirSync(dirname(first), { recursive: true });
  return first;
}

describe("the records of the servers of one URL", () => {
  test("begin with one file, which is in use until another is put in use, and is used again later", () => {
    const first = aFirstFile();
    expect(currentRecordFile(first)).toBe(first);
    const other = furtherRecordFile(first);
    expect(basename(other)).toMatch(/^record\.server-[0-9a-f]{8}\.sqlite$/);
    setCurrentRecordFile(first, other);
    expect(currentRecordFile(first)).toBe(other);
    setCurrentRecordFile(first, first);
    expect(currentRecordFile(first)).toBe(first);
    expect(readdirSync(dirname(first))).toEqual([]);
  });

  test("are those that exist, also one of which only a damaged file is left", () => {
    const first = aFirstFile();
    const [kept, damaged] = [furtherRecordFile(first), furtherRecordFile(first)];
    expect(recordFilesBeside(first)).toEqual([]);
    writeFileSync(first, "");
    writeFileSync(kept, "");
    writeFileSync(`${damaged}.damaged-1`, "");
    writeFileSync(join(dirname(first), "other.server-00000000.sqlite"), "");
    expect(recordFilesBeside(first).sort()).toContain(kept);
    expect(recordFilesBeside(first)).toContain(first);
    expect(recordFilesBeside(first)).not.toContain(join(dirname(first), "other.server-00000000.sqlite"));
    removeRecordFile(kept);
    expect([existsSync(kept), recordFilesBeside(first)]).toEqual([false, [first]]);
  });

  test("are never outside of the folder, whatever the pointer says", () => {
    const first = aFirstFile();
    for (const name of ["../x.sqlite", "/etc/passwd", "record.server-../../a.sqlite", "", "x".repeat(5_000)]) {
      writeFileSync(`${first}.current`, name);
      expect(currentRecordFile(first)).toBe(first);
    }
    rmSync(`${first}.current`);
    mkdirSync(`${first}.current`);
    expect(currentRecordFile(first)).toBe(first);
  });
});
